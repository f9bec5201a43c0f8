// Counts down to moments that the page states in words; without it the words say how long it was when the page was made.
"use strict";

(() => {
  const pad = (n) => String(n).padStart(2, "0");

  function left(until) {
    const seconds = Math.floor((Date.parse(until) - Date.now()) / 1000);
    if (seconds <= 0) return "";
    const hours = Math.floor(seconds / 3600);
    return `${hours ? `${hours}:` : ""}${pad(Math.floor(seconds / 60) % 60)}:${pad(seconds % 60)}`;
  }

  function show() {
    for (const element of document.querySelectorAll("[data-until]")) {
      element.dataset.before ??= element.textContent.trim().slice(0, 2);
      const words = left(element.dataset.until);
      element.textContent = words ? `${element.dataset.before} ${words}` : "now";
    }
  }

  if (document.querySelector("[data-until]")) {
    show();
    setInterval(show, 1000);
  }
})();
