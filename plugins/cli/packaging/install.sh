#!/bin/sh
# Install the command `budwood` for the current user. `sh install.sh --help` describes the options.
# It is POSIX sh, and nothing runs before the last line, so that an incomplete download has no effect.
set -eu

published=no # the first release on a package index sets this to yes
# The first one is required by others, and pipx installs one after the other.
plugins='budwood-openai-compatible budwood-generation budwood-anthropic budwood-azure budwood-gemini budwood-groq
  budwood-mistral budwood-offline budwood-ollama budwood-openai budwood-openrouter budwood-usage budwood-xai'
minimum_minor=11

usage() {
  cat <<TEXT
Install the command budwood for the current user, with uv, with pipx, or in a virtual environment of its own.

Usage: sh install.sh [OPTION]...

  --from DIR      install the wheels of Budwood in DIR; other packages come from the package index
  --offline       with --from: all packages come from DIR
  --with NAME     install a further plugin, such as redis-cache; can be repeated
  --using TOOL    uv, pipx or python; by default the tool of the last installation, or the first one found
  --uninstall     remove the command; settings, keys and data of the user stay
  --dry-run       print the commands, and run none
  --help          print this text

Plugins that are always installed:
  $plugins
TEXT
}

say() { printf '%s\n' "$*"; }

fail() { # MESSAGE CURE
  printf 'install.sh: %s\n%s\n' "$1" "$2" >&2
  exit 1
}

run() { # prints a command, and runs it unless --dry-run
  printf '+'
  printf ' %s' "$@"
  printf '\n'
  [ "$dry_run" = yes ] || "$@"
}

has() { command -v "$1" >/dev/null 2>&1; }

argument() { # OPTION COUNT: checks that an option has its argument
  [ "$2" -ge 2 ] || fail "$1 needs an argument." 'See: sh install.sh --help'
}

parse_arguments() {
  dry_run=no action=install wheels='' offline=no tool=''
  while [ $# -gt 0 ]; do
    case $1 in
      --from) argument "$1" $# && wheels=$2 && shift ;;
      --with) argument "$1" $# && add_plugin "$2" && shift ;;
      --using) argument "$1" $# && tool=$2 && shift ;;
      --offline) offline=yes ;;
      --dry-run) dry_run=yes ;;
      --uninstall) action=uninstall ;;
      --help | -h) usage && exit 0 ;;
      *) fail "unknown argument: $1" 'See: sh install.sh --help' ;;
    esac
    shift
  done
  case $tool in
    '' | uv | pipx | python) ;;
    *) fail "--using $tool: unknown tool." 'Use uv, pipx or python.' ;;
  esac
}

add_plugin() {
  case $1 in
    '' | -* | *[!A-Za-z0-9._-]*) fail "--with '$1': not the name of a plugin." 'Write it as in: --with redis-cache' ;;
  esac
  plugins="$plugins budwood-${1#budwood-}"
}

check_home() {
  [ -n "${HOME:-}" ] && [ -d "$HOME" ] || fail 'HOME is not a folder.' 'Set HOME to your home folder.'
  bin=$HOME/.local/bin
  own=$HOME/.local/share/budwood-cli # the virtual environment, if neither uv nor pipx is used
  folder=$own
  while [ ! -e "$folder" ]; do folder=$(dirname "$folder"); done
  [ "$dry_run" = yes ] || [ -w "$folder" ] ||
    fail "$folder is not writable." 'Make it writable, or set HOME to a folder that is.'
}

check_wheels() { # checks that the folder of --from has each distribution in one version
  if [ -z "$wheels" ]; then
    [ "$offline" = no ] || fail '--offline needs --from.' 'Name a folder with all wheels: --from DIR'
    [ "$published" = yes ] || fail 'Budwood is not on a package index yet.' \
      'In a checkout of the repository, run: pip install nox && nox -s wheels
Then install its wheels: sh plugins/cli/packaging/install.sh --from dist'
    return 0
  fi
  given=$wheels
  wheels=$(CDPATH='' cd -- "$given" 2>/dev/null && pwd) ||
    fail "--from $given: not a folder." 'Name the folder with the wheels, such as dist.'
  cure='Build the wheels with: nox -s wheels'
  for name in budwood budwood-cli $plugins; do
    set -- "$(prefix_of "$name")"-*.whl
    [ -f "$1" ] || fail "$wheels has no wheel of $name." "$cure"
    cure='Check the name. If it is right, build the wheels again with: nox -s wheels'
    [ $# -eq 1 ] || fail "$wheels has several versions of $name." 'Keep the wheels of one version.'
  done
}

prefix_of() { printf '%s/%s' "$wheels" "$(printf %s "$1" | tr .- __)"; }

requirement() { # NAME: prints the path of its wheel, so that no index can replace it; without --from, the name
  if [ -z "$wheels" ]; then
    printf %s "$1"
  else
    printf %s "$(prefix_of "$1")"-*.whl
  fi
}

choose_tool() {
  [ -z "$tool" ] || return 0
  if is_installed_by uv; then tool=uv
  elif is_installed_by pipx; then tool=pipx
  elif is_installed_by python; then tool=python
  elif has uv; then tool=uv
  elif has pipx; then tool=pipx
  else tool=python
  fi
}

is_installed_by() {
  case $1 in
    uv) has uv && uv tool list 2>/dev/null | grep -q '^budwood-cli ' ;;
    pipx) has pipx && pipx list --short 2>/dev/null | grep -q '^budwood-cli ' ;;
    python) [ -d "$own" ] ;;
  esac
}

check_command() { # another program named budwood is not replaced
  [ -e "$bin/budwood" ] || [ -L "$bin/budwood" ] || return 0
  is_installed_by "$tool" || fail "$bin/budwood exists, and is not from $tool." \
    'Remove it, or run: sh install.sh --uninstall'
}

install_with_uv() {
  has uv || fail 'uv was not found.' 'Install uv, or use --using pipx or --using python.'
  set -- --upgrade
  for name in budwood $plugins; do set -- "$@" --with "$(requirement "$name")"; done
  if [ -n "$wheels" ]; then set -- "$@" --reinstall; fi
  if [ "$offline" = yes ]; then set -- "$@" --no-index --find-links "$wheels"; fi
  run uv tool install --python ">=3.$minimum_minor" "$@" "$(requirement budwood-cli)" || explain_failure
}

install_with_pipx() {
  has pipx || fail 'pipx was not found.' 'Install pipx, or use --using uv or --using python.'
  find_python
  if [ "$offline" = yes ]; then # pipx runs uv or pip, and stores options for later upgrades, but not variables
    PIP_NO_INDEX=1 PIP_FIND_LINKS=$(url_of "$wheels") UV_NO_INDEX=1
    UV_FIND_LINKS=$PIP_FIND_LINKS
    export PIP_NO_INDEX PIP_FIND_LINKS UV_NO_INDEX UV_FIND_LINKS
  fi
  # --force would also install again, from the index, what the wheels require.
  if is_installed_by pipx; then run pipx uninstall budwood-cli || explain_failure; fi
  run pipx install --python "$python" --preinstall "$(requirement budwood)" "$(requirement budwood-cli)" || explain_failure
  set --
  for name in $plugins; do set -- "$@" "$(requirement "$name")"; done
  run pipx inject budwood-cli "$1" || explain_failure # alone, since pipx sorts the packages of one command
  shift
  run pipx inject budwood-cli "$@" || explain_failure
}

url_of() { printf 'file://%s' "$(printf %s "$1" | sed 's/%/%25/g; s/ /%20/g; s/#/%23/g; s/?/%3F/g')"; }

install_with_python() {
  find_python
  "$python" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "$python cannot create virtual environments." 'Install venv (Debian and Ubuntu: apt install python3-venv).'
  set -- --quiet --disable-pip-version-check
  for name in budwood budwood-cli $plugins; do set -- "$@" "$(requirement "$name")"; done
  if [ "$offline" = yes ]; then set -- "$@" --no-index --find-links "$(url_of "$wheels")"; fi
  former=$own.former
  if [ -d "$own" ] && [ ! -d "$former" ]; then run mv "$own" "$former"; fi
  trap 'restore; exit 130' HUP INT TERM
  if ! run "$python" -m venv --clear "$own" || ! run "$own/bin/python" -m pip install "$@"; then
    restore
    explain_failure
  fi
  trap - HUP INT TERM
  run rm -rf "$former"
  run mkdir -p "$bin"
  run ln -sf "$own/bin/budwood" "$bin/budwood"
}

restore() { # puts the former virtual environment back, if there is one
  [ "$dry_run" = no ] || return 0
  rm -rf "$own"
  [ ! -d "$former" ] || mv "$former" "$own"
}

find_python() {
  found=''
  for python in python3.13 python3.12 "python3.$minimum_minor" python3 python; do
    has "$python" || continue
    "$python" -c "import sys; sys.exit(sys.version_info < (3, $minimum_minor))" 2>/dev/null && return 0
    found="$found $("$python" --version 2>&1 || true)"
  done
  [ -z "$found" ] || fail "Budwood needs Python 3.$minimum_minor or later; found:$found." 'Install a newer Python, or uv.'
  fail 'No Python was found.' "Install Python 3.$minimum_minor or later, or uv."
}

explain_failure() {
  if [ "$offline" = yes ]; then
    cure="Add the wheels that are missing in $wheels: pip download --only-binary :all: --dest DIR NAME"
    [ "$tool" != pipx ] || cure="$cure
pipx needs the newest wheel of pip, too."
  else
    cure='Without a connection to the package index, use --from DIR --offline. A proxy is set in HTTPS_PROXY.'
  fi
  fail "$tool did not install budwood; its message is above." "$cure"
}

uninstall() {
  removed=no
  for tool in uv pipx python; do
    is_installed_by "$tool" || continue
    case $tool in
      uv) run uv tool uninstall budwood-cli ;;
      pipx) run pipx uninstall budwood-cli ;;
      python)
        case $(readlink "$bin/budwood" 2>/dev/null) in "$own"/*) run rm -f "$bin/budwood" ;; esac
        run rm -rf "$own"
        ;;
    esac
    removed=yes
  done
  if [ -d "$own.former" ]; then # left by an installation that was killed
    run rm -rf "$own.former"
    removed=yes
  fi
  [ "$removed" = yes ] || say 'Nothing to remove: neither uv, pipx nor this script has installed budwood.'
}

report() {
  [ "$dry_run" = no ] || return 0
  case $tool in
    uv) bin=$(uv tool dir --bin) ;;
    pipx) bin=$(pipx environment --value PIPX_BIN_DIR) ;;
  esac
  say "Installed: $("$bin/budwood" --version), as $bin/budwood"
  case ":$PATH:" in
    *":$bin:"*) say 'Next: budwood setup' ;;
    *)
      say "$bin is not in PATH. Add this line to the startup file of your shell, such as ~/.profile:"
      say "  export PATH=\"$bin:\$PATH\""
      ;;
  esac
}

main() {
  parse_arguments "$@"
  check_home
  if [ "$action" = uninstall ]; then
    uninstall
    return
  fi
  check_wheels
  choose_tool
  check_command
  say "Installing budwood with $tool."
  "install_with_$tool"
  report
}

main "$@"
