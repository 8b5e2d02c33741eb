// What the page does with scripts. Without them it works, too: a dialog is a page of its own, and a secret is selected.
"use strict";

const dialog = document.getElementById("dialog");

document.addEventListener("htmx:afterSwap", (event) => {
  if (dialog && event.detail.target === dialog) dialog.showModal();
});

document.addEventListener("click", (event) => {
  const close = event.target.closest("[data-close]");
  if (close && dialog && dialog.open && dialog.contains(close)) {
    event.preventDefault();
    dialog.close();
  }
  if (dialog && event.target === dialog) dialog.close(); // beside its content
});

// What is loaded again and again waits while it is used: it would lose the focus, and close what is open in it.
document.addEventListener("htmx:beforeRequest", (event) => {
  const { elt } = event.detail;
  if (elt.matches("[data-poll]") && (elt.contains(document.activeElement) || elt.querySelector("details[open]"))) {
    event.preventDefault();
  }
});

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  const label = button.querySelector("span");
  try {
    await navigator.clipboard.writeText(source.textContent);
    label.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(source);
    label.textContent = "Press Ctrl+C";
  }
  setTimeout(() => { label.textContent = "Copy"; }, 3000);
}

function prepare(root) {
  for (const button of root.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.onclick = () => copy(button);
  }
}

document.addEventListener("DOMContentLoaded", () => prepare(document));
document.addEventListener("htmx:load", (event) => prepare(event.detail.elt));
