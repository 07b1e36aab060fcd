/* The list of units: how many are ticked, and all of the page at once. Without this script the boxes and buttons work alone. */
(function () {
  "use strict";
  var bar = document.querySelector("[data-bulk-bar]"), all = document.querySelector("[data-tick-all]");
  if (!bar || !all) return;
  var boxes = Array.prototype.slice.call(document.querySelectorAll("[data-tick]")), count = bar.querySelector("[data-tick-count]");
  function ticked() { return boxes.filter(function (box) { return box.checked; }).length; }
  function show() {
    var n = ticked();
    count.textContent = n ? String(n) : "";
    all.checked = n === boxes.length;
    all.indeterminate = n > 0 && n < boxes.length;
  }
  all.hidden = false;
  all.addEventListener("change", function () { boxes.forEach(function (box) { box.checked = all.checked; }); show(); });
  boxes.forEach(function (box) { box.addEventListener("change", show); });
  window.addEventListener("pageshow", show);
  show();
})();
