// The test panel of a prompt: shows the reply of a model while it arrives. Without scripts the form is sent as usual.
"use strict";

function* readEvents(buffer) {
  for (const block of buffer.split("\n\n")) {
    const fields = Object.fromEntries(block.split("\n").filter(Boolean).map((line) => line.split(/: (.*)/s).slice(0, 2)));
    if (fields.event) yield [fields.event, JSON.parse(fields.data)];
  }
}

function show(result, event, data) {
  const part = (name) => result.querySelector(`[data-part="${name}"]`);
  if (event === "text") part("text").textContent += data.text;
  if (event === "error") part("reason").textContent = data.error.message;
  if (event !== "done") return;
  part("text").textContent = data.text;
  part("model").textContent = `${data.provider}/${data.model}`;
  part("cost").textContent = data.cost === null ? "–" : `$${data.cost}`;
  part("input").textContent = data.usage.input_tokens ?? "–";
  part("output").textContent = data.usage.output_tokens ?? "–";
  part("reason").textContent = data.finish_reason;
}

async function follow(reply, result) {
  result.replaceChildren(document.getElementById("stream").content.cloneNode(true));
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    rest += value;
    const end = rest.lastIndexOf("\n\n");
    if (end < 0) continue;
    for (const [event, data] of readEvents(rest.slice(0, end))) show(result, event, data);
    rest = rest.slice(end + 2);
  }
}

async function run(button) {
  const form = button.form;
  const result = document.getElementById("result");
  if (!form.reportValidity()) return;
  button.disabled = true;
  try {
    const body = new URLSearchParams(new FormData(form));
    const reply = await fetch(button.dataset.run, { method: "POST", body, headers: { accept: "text/event-stream" } });
    if (reply.redirected) location.reload();
    else if (reply.headers.get("content-type").startsWith("text/event-stream")) await follow(reply, result);
    else result.innerHTML = await reply.text();
  } catch {
    result.textContent = "The connection to the server was lost. Run the prompt again.";
  } finally {
    button.disabled = false;
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-run]");
  if (!button) return;
  event.preventDefault();
  run(button);
});
