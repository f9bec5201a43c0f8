// Comforts on the settings pages, which work without them: fields that matter only for some choices are hidden, mail
// fields are inserted where the cursor is, and a fault's line is shown in the text it is about.
"use strict";

function showWhatMatters(form) {
  for (const part of form.querySelectorAll("[data-when]")) {
    const control = form.elements[part.dataset.when];
    if (!control) continue;
    // What depends on a field that does not matter does not matter either; fields stand before what depends on them.
    const isMoot = control.closest?.("[data-when]")?.hidden ?? false;
    part.hidden = isMoot || !part.dataset.is.split(" ").includes(control.value);
  }
  for (const group of form.querySelectorAll("fieldset.fb-group")) {
    const fields = [...group.querySelectorAll(".fb-field")];
    group.hidden = fields.length > 0 && fields.every((field) => field.closest("[data-when][hidden]"));
  }
}

function insertText(area, text) {
  area.focus();
  area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");
  area.dispatchEvent(new Event("input", { bubbles: true }));
}

function selectLine(area, number) {
  const lines = area.value.split("\n");
  const start = lines.slice(0, number - 1).reduce((sum, line) => sum + line.length + 1, 0);
  area.focus();
  area.setSelectionRange(start, start + (lines[number - 1] ?? "").length);
  area.scrollTop = Math.max(0, (number - 4) * parseFloat(getComputedStyle(area).lineHeight));
}

let lastField = null;

function setUp(root) {
  for (const form of root.querySelectorAll("form[data-matters]")) showWhatMatters(form);
  for (const button of root.querySelectorAll("button[data-insert], button[data-line], button[data-print]")) button.hidden = false;
}

document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-matters]");
  if (form) showWhatMatters(form);
});

document.addEventListener("focusin", (event) => {
  if (event.target.matches("[data-takes-fields]")) lastField = event.target;
});

document.addEventListener("click", (event) => {
  const insert = event.target.closest("button[data-insert]");
  if (insert) insertText(lastField ?? document.querySelector("textarea[data-takes-fields]"), insert.dataset.insert);
  if (event.target.closest("button[data-print]")) window.print();
  const line = event.target.closest("button[data-line]");
  if (line) selectLine(document.getElementById(line.dataset.of), Number(line.dataset.line));
});

document.addEventListener("htmx:load", (event) => setUp(event.target));
setUp(document);
