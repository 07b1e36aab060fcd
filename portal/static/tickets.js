/* Tickets: areas level by level, all boxes of a page, the fields a category needs. Every page works without it. */
(function () {
  "use strict";
  function all(selector, scope) { return Array.prototype.slice.call((scope || document).querySelectorAll(selector)); }

  all("[data-area-choice]").forEach(function (field) {
    field.classList.add("is-live");
    var asked = 0;
    field.addEventListener("change", function (event) {
      var select = event.target, mine = ++asked, later = select.nextElementSibling;
      if (select.tagName !== "SELECT") return;
      while (later && later.tagName === "SELECT") { var next = later.nextElementSibling; later.remove(); later = next; }
      if (!select.value) return;
      var ask = window.portal ? window.portal.fetch : window.fetch;
      ask(field.dataset.url + "?parent=" + encodeURIComponent(select.value), { headers: { Accept: "application/json" } })
        .then(function (answer) { if (!answer.ok) throw new Error(String(answer.status)); return answer.json(); })
        .then(function (areas) {
          if (mine !== asked || !areas.length) return;
          var below = document.createElement("select");
          below.className = "form-select"; below.name = "area"; below.id = "area-" + (all("select", field).length + 1);
          below.setAttribute("aria-label", select.getAttribute("aria-label"));
          below.add(new Option(field.dataset.any, ""));
          areas.forEach(function (area) { below.add(new Option(area[1], area[0])); });
          select.after(below);
        })
        .catch(function () { field.classList.remove("is-live"); });
    });
  });

  all("[data-bulk]").forEach(function (form) {
    var button = form.querySelector("[data-choose-all]"), boxes = all("input[name=ticket]", form);
    if (!button) return;
    button.hidden = false;
    button.addEventListener("click", function () {
      var tick = boxes.some(function (box) { return !box.checked; });
      boxes.forEach(function (box) { box.checked = tick; });
    });
  });

  all("[data-for-effect]").forEach(function (part) {
    var category = document.getElementById("category"), effects = JSON.parse(part.dataset.effects);
    if (!category) return;
    function show() {
      var used = all("input, select", part).some(function (field) { return field.value; });
      part.hidden = !used && effects[category.value] !== part.dataset.forEffect;
      if (!part.hidden && !used) part.open = true;
    }
    category.addEventListener("change", show);
    show();
  });
})();
