/* Assigning: the agents follow the area, and both lists what is typed to find one. Without it the buttons do the same. */
(function () {
  "use strict";
  var form = document.querySelector("[data-offers]"), asked = 0, timer;
  if (!form) return;
  form.classList.add("is-live");
  function refresh() {
    var mine = ++asked, data = new FormData(form);
    data.set("step", "find");
    window.portal.fetch(form.action, { method: "POST", body: data, headers: { "X-Parts": "1", Accept: "text/html" } }).then(function (answer) {
      if (!answer.ok) throw new Error(String(answer.status));
      return answer.text();
    }).then(function (html) {
      if (mine !== asked) return;
      /* Parsed apart: nothing of it runs. */
      var parts = new DOMParser().parseFromString(html, "text/html").querySelectorAll("[data-part]");
      Array.prototype.forEach.call(parts, function (part) {
        var place = form.querySelector('[data-part="' + part.dataset.part + '"]');
        if (place && !place.contains(document.activeElement)) place.replaceChildren.apply(place, Array.prototype.slice.call(part.childNodes));
      });
    }).catch(function () { /* The buttons are there. */ });
  }
  form.addEventListener("change", function (event) { if (event.target.name === "area") refresh(); });
  form.addEventListener("input", function (event) {
    if (!event.target.matches("[data-find]")) return;
    clearTimeout(timer);
    timer = setTimeout(refresh, 250);
  });
  form.addEventListener("keydown", function (event) {
    /* Enter in another field sends the form, not the first button that finds. */
    if (event.key !== "Enter" || event.target.tagName !== "INPUT") return;
    event.preventDefault();
    if (event.target.matches("[data-find]")) refresh();
    else form.requestSubmit(form.querySelector("[data-send]"));
  });
  form.addEventListener("submit", function (event) {
    if (!event.submitter || event.submitter.value !== "find") return;
    event.preventDefault();
    refresh();
  }, true); /* before others take it for sent */
})();
