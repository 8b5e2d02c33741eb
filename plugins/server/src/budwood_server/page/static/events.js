// The live list of events: adds a row for each event of /v1/events, and continues after the last one if it breaks.
"use strict";

class LiveEvents {
  static #MOST_ROWS = 200;
  static #MOST_NOTICES = 5;
  static #LONGEST_DELAY = 30; // seconds

  #root;
  #rows;
  #after;
  #newest;
  #source = null;
  #attempt = 0; // tells answers to an attempt that was given up
  #delay = 1;
  #timer = null;

  constructor(root) {
    this.#root = root;
    this.#rows = document.querySelector("main table tbody");
    this.#after = root.dataset.after;
    this.#newest = this.#rows.querySelector("[data-part=id]")?.textContent ?? "";
    const toggle = this.#part("toggle");
    toggle.hidden = false;
    toggle.addEventListener("click", () => this.#toggle(toggle));
    addEventListener("pagehide", () => this.#close());
    this.#open();
  }

  #part(name) {
    return this.#root.querySelector(`[data-part=${name}]`);
  }

  #say(text) {
    const status = this.#part("status");
    if (status.textContent !== text) status.textContent = text;
  }

  #toggle(button) {
    if (button.textContent === "Pause") {
      this.#close();
      button.textContent = "Continue";
      this.#say("Paused");
    } else {
      button.textContent = "Pause";
      this.#open();
    }
  }

  #close() {
    this.#attempt += 1;
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }

  // A ticket is valid once. So each connection needs another one, and the browser must not connect again itself.
  async #open() {
    this.#close();
    const attempt = this.#attempt;
    this.#say("Connecting");
    try {
      const ticket = await this.#fetchTicket();
      if (attempt === this.#attempt) this.#listen(ticket);
    } catch {
      if (attempt === this.#attempt) this.#retry();
    }
  }

  async #fetchTicket() {
    const headers = { "x-csrf-token": this.#root.dataset.token };
    const reply = await fetch("/api/auth/tickets", { method: "POST", headers });
    if (reply.status === 401) location.reload(); // leads to the login
    if (!reply.ok) throw new Error(reply.statusText);
    return (await reply.json()).ticket;
  }

  #listen(ticket) {
    const query = new URLSearchParams(this.#root.dataset.query);
    query.set("after", this.#after);
    query.set("ticket", ticket);
    const source = new EventSource(`/v1/events?${query}`);
    this.#source = source;
    const on = (name, act) => source.addEventListener(name, (event) => {
      this.#after = event.lastEventId || this.#after;
      act(event.data && JSON.parse(event.data));
    });
    on("ready", () => this.#begin());
    on("heartbeat", () => {});
    on("message", (event) => this.#add(event));
    on("lagged", (span) => this.#note(
      "The connection was slower than the events.",
      `Those after ${span.after} until ${span.until} follow from the database: none is missing.`,
    ));
    on("removed", (span) => this.#note(
      `Up to ${span.count} events are missing.`,
      `They were after ${span.after} until ${span.until}, and are not kept any more.`,
    ));
    on("end", (end) => this.#end(end));
    source.onerror = () => this.#retry();
  }

  #begin() {
    this.#delay = 1;
    this.#say("New events appear here");
  }

  #end({ code, reason }) {
    if (code === 4401) location.reload();
    else if (code === 4403) {
      this.#close();
      this.#say(reason);
    } else this.#retry();
  }

  #retry() {
    this.#close();
    const isLong = this.#delay === LiveEvents.#LONGEST_DELAY;
    this.#say(isLong ? "There is no connection. Load the page again." : "The connection was lost. It continues after the last event.");
    this.#timer = setTimeout(() => this.#open(), this.#delay * 1000);
    this.#delay = Math.min(2 * this.#delay, LiveEvents.#LONGEST_DELAY);
  }

  #add(event) {
    if (event.id <= this.#newest) return; // the page had it
    this.#newest = event.id;
    const row = document.getElementById("live-row").content.cloneNode(true);
    const part = (name) => row.querySelector(`[data-part=${name}]`);
    for (const name of ["id", "type", "subject"]) part(name).textContent = event[name];
    part("type").href = `/admin/events/${encodeURIComponent(event.id)}`;
    const time = part("time").querySelector("time");
    time.dateTime = event.time;
    time.title = event.time;
    time.textContent = event.time.slice(11, 19);
    this.#rows.prepend(row);
    while (this.#rows.rows.length > LiveEvents.#MOST_ROWS) this.#rows.lastElementChild.remove();
  }

  #note(text, hint) {
    const notice = document.getElementById("live-notice").content.cloneNode(true);
    const [first, second] = notice.querySelectorAll("p");
    first.textContent = text;
    second.textContent = hint;
    const notices = this.#part("notices");
    notices.append(notice);
    while (notices.children.length > LiveEvents.#MOST_NOTICES) notices.firstElementChild.remove();
  }
}

document.addEventListener("DOMContentLoaded", () => {
  const root = document.getElementById("live");
  if (root) new LiveEvents(root);
});
