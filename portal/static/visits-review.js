/* The review by keyboard, ready reasons, ticking all. Without it every button works. */
(function () {
  "use strict";
  function all(selector, scope) { return Array.prototype.slice.call((scope || document).querySelectorAll(selector)); }
  all("[data-reason]").forEach(function (button) {
    button.addEventListener("click", function () {
      var field = button.closest("form").querySelector("textarea");
      field.value = (field.value.trim() ? field.value.trim() + " " : "") + button.textContent;
      field.focus();
      field.dispatchEvent(new Event("input", { bubbles: true }));
    });
  });
  var list = document.querySelector("[data-review]"), cards = all("[data-card]"), at = -1;
  if (!list) return;
  var boxes = all("input[name=visit]", list), count = document.querySelector("[data-ticked]"), whole = document.querySelector("[data-tick-all]");
  function tally() { var ticked = boxes.filter(function (box) { return box.checked; }).length; count.textContent = ticked ? "(" + ticked + ")" : ""; }
  boxes.forEach(function (box) { box.addEventListener("change", tally); });
  if (cards.some(function (card) { return card.hasAttribute("data-clean"); })) {
    whole.hidden = false;
    whole.querySelector("input").addEventListener("change", function (event) {
      cards.forEach(function (card) { if (card.hasAttribute("data-clean")) card.querySelector("input[name=visit]").checked = event.target.checked; });
      tally();
    });
  }
  function go(to) {
    at = Math.max(0, Math.min(cards.length - 1, to));
    cards.forEach(function (card, index) { card.classList.toggle("is-current", index === at); });
    cards[at].focus({ preventScroll: true });
    cards[at].scrollIntoView({ block: "nearest" });
  }
  document.addEventListener("keydown", function (event) {
    var target = event.target;
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) && target.type !== "checkbox" || document.querySelector("dialog[open]")) return;
    var key = event.key.toLowerCase(), card = cards[at];
    if (key === "j") go(at + 1);
    else if (key === "k") go(at - 1);
    else if (key === "x" && card) { var box = card.querySelector("input[name=visit]"); box.checked = !box.checked; tally(); }
    else if (key === "a" && card) card.querySelector("[data-approve] button").click();
    else if (key === "r" && card) { var more = card.querySelector("[data-return]"); more.open = true; more.querySelector("textarea").focus(); }
    else return;
    event.preventDefault();
  });
  tally();
})();
