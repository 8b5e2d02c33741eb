"""``budwood login`` and ``budwood logout``: work with a server as a person."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from budwood_cli import options, terminal

if TYPE_CHECKING:
    from budwood.credential_store import Place
    from budwood.plugins import Instances
    from budwood_server.client.logins.calls import LoginCalls
    from budwood_server.client.logins.credential import LoginCredential
    from budwood_server.client.logins.store import Login, LoginStore

URL = Annotated[
    str | None,
    typer.Argument(metavar="URL", help="The server. Default: that of the settings, or the only one with a login."),
]


def login(
    url: URL = None,
    *,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="The name of the account.")] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input instead of asking for it.")
    ] = False,
    status: Annotated[bool, typer.Option("--status", help="Show who is logged in, and change nothing.")] = False,
    store: Annotated[
        str | None,
        typer.Option("--store", metavar="keyring|file", help="Where to store the login. Default: the keyring, or ask."),
    ] = None,
    insecure_http: Annotated[
        bool, typer.Option("--insecure-http", help="Allow http:// to other machines: others can read the password.")
    ] = False,
    yes: options.Yes = False,
    json_output: options.AsJSON = False,
) -> None:
    """
    Log in to a server with the name and the password of an account.

    The login is used by clients of the server that have no key, and is renewed by itself. It ends 30 days after its
    last use, or by `budwood logout`.
    """
    if status:
        _show_status(url, json_output=json_output)
        return
    instances, logins = _open()
    server = _choose_server(instances, logins, url)
    _check_protection(server, insecure_http=insecure_http)
    account = name or _ask_name(server)
    password = _read_password(account, from_input=password_stdin)
    place = _choose_place(store, logins, yes=yes)
    new = _log_in(instances, logins, server, (account, password), place)
    if json_output:
        terminal.write_json({"url": server, "account": new.account, "store": place})
    else:
        where = "the keyring" if place == "keyring" else f"{terminal.short_path(logins.path)}, encrypted"
        terminal.note(f"logged in to {server} as {new.account}; the login is in {where}")


def logout(
    url: URL = None,
    *,
    local: Annotated[
        bool, typer.Option("--local", help="Only remove it from this machine. The server still accepts it.")
    ] = False,
    json_output: options.AsJSON = False,
) -> None:
    """
    End a login at the server, and remove it from this machine.

    A login that this machine cannot open any more is only removed, with a warning.
    """
    instances, logins = _open()
    server = _choose_server(instances, logins, url)
    credential = _find_login(server, instances, logins)
    ended = not local and _end(instances, server, credential)
    with logins.lock():
        logins.remove(server)
    if json_output:
        terminal.write_json({"url": server, "ended": ended})
    elif local or ended:
        terminal.note(f"logged out of {server}")
    else:
        terminal.note(f"removed the login for {server} from this machine")


def _end(instances: Instances, url: str, credential: LoginCredential) -> bool:
    """End a login at the server; return False if it cannot be opened, so that the server keeps it."""
    from budwood_server.client.errors import AuthenticationError, NetworkError
    from budwood_server.client.logins.calls import LoginCalls
    from budwood_server.client.logins.store import UnreadableLoginError

    try:
        LoginCalls(instances).log_out(url, credential)
    except AuthenticationError:
        terminal.note("note: the login had ended before.")
    except NetworkError as error:
        error.hint = "Try again later, or remove the login from this machine only with `--local`."
        raise
    except UnreadableLoginError as error:
        terminal.note(
            f"warning: {error.message} The server could not be told: "
            "there it ends 30 days after its last use, or earlier if an administrator ends it."
        )
        return False
    return True


def _log_in(
    instances: Instances, logins: LoginStore, url: str, name_and_password: tuple[str, str], place: Place
) -> Login:
    from budwood_server.client.logins.calls import LoginCalls

    calls = LoginCalls(instances)
    logins.prepare(place)
    new = calls.log_in(url, *name_and_password)
    _end_present(instances, logins, calls, url)
    with logins.lock():
        logins.save(new, place)
    return new


def _end_present(instances: Instances, logins: LoginStore, calls: LoginCalls, url: str) -> None:
    """End the login that another one replaces at the server, which would accept its tokens for 30 days."""
    from budwood.errors import BudwoodError
    from budwood_server.client.logins.credential import find_login

    try:
        present = find_login(url, logins.path.parent, instances)
        if present is not None:
            calls.log_out(url, present)
    except BudwoodError:
        pass  # it has ended, or cannot be read


def _show_status(url: str | None, *, json_output: bool) -> None:
    from budwood.errors import BudwoodError
    from budwood_server.client.urls import parse_url

    instances, logins = _open()
    rows: list[dict[str, Any]] = []
    for server in logins.list_urls() if url is None else [parse_url(url)]:
        credential = _find_login(server, instances, logins)
        try:
            login = credential.renew_login()
            rows.append({"url": server, "account": login.account, "problem": None})
        except BudwoodError as error:
            rows.append({"url": server, "account": None, "problem": str(error)})
    if json_output:
        terminal.write_json(rows)
    elif rows:
        cells = [(row["url"], row["account"] or "", row["problem"] or "logged in") for row in rows]
        terminal.write_table(("server", "account", "state"), cells)
    else:
        terminal.note("no logins: `budwood login URL` logs in.")
    if any(row["problem"] for row in rows):
        raise typer.Exit(1)


def _open() -> tuple[Instances, LoginStore]:
    from budwood import Settings
    from budwood.plugins import Instances
    from budwood.settings import user_folder
    from budwood_server.client.logins.store import LoginStore

    return Instances(Settings.load()), LoginStore(user_folder("config"))


def _choose_server(instances: Instances, logins: LoginStore, url: str | None) -> str:
    """Return the URL of the server: the argument, that of the settings, or that of the only login."""
    from budwood_cli.errors import ArgumentError
    from budwood_server.client.targets import find_url
    from budwood_server.client.urls import parse_url

    found = url or find_url(instances)
    if found is None:
        several = logins.list_urls()
        hint = f"Name one of {', '.join(several)}." if several else "Name it, such as https://budwood.example.org."
        raise ArgumentError("No server is named.", hint=hint)
    return parse_url(found)


def _check_protection(url: str, *, insecure_http: bool) -> None:
    from budwood_cli.errors import ArgumentError
    from budwood_server.client.urls import is_protected

    if not insecure_http and not is_protected(url):
        raise ArgumentError(
            f"{url} is not encrypted: others in the network could read the password.",
            hint="Use https://. If the network is protected otherwise, pass --insecure-http.",
        )


def _find_login(url: str, instances: Instances, logins: LoginStore) -> LoginCredential:
    from budwood.errors import CredentialError
    from budwood_server.client.logins.credential import find_login

    found = find_login(url, logins.path.parent, instances)
    if found is None:
        raise CredentialError(f"There is no login for {url}.", hint=f"Log in with `budwood login {url}`.")
    return found


def _ask_name(url: str) -> str:
    from budwood_cli.questions import ask_text

    return ask_text(f"Name at {url}", flag="--name NAME")


def _choose_place(store: str | None, logins: LoginStore, *, yes: bool) -> Place:
    from budwood_cli.secret_places import choose_place

    return choose_place(
        store, logins.path, yes=yes, subject="login", form="encrypted, with its key in another file of yours"
    )


def _read_password(name: str, *, from_input: bool) -> str:
    from budwood_cli.errors import ArgumentError
    from budwood_cli.questions import ask_secret

    if not from_input:
        return ask_secret(f"Password of {name} (hidden)", flag="--password-stdin")
    password = (sys.stdin.readline() if sys.stdin is not None else "").rstrip("\r\n")
    if not password:
        raise ArgumentError("Standard input has no password.", hint="Pipe it in as one line.")
    return password
