/* Administration of staff: the picker of areas without reloading the page, and copying of what is shown once. */
(function () {
  "use strict";

  /* The picker's buttons send the form; here only the picker itself is fetched, with what was ticked kept. */
  document.querySelectorAll("form[data-areas]").forEach(function (form) {
    function picker() { return form.querySelector("[data-picker]"); }
    function show(name, value, more) {
      var data = new FormData(form), box = picker();
      (more || []).forEach(function (id) { data.append("area", id); });
      data.append(name, value);
      box.setAttribute("aria-busy", "true");
      return fetch(form.action, { method: "POST", body: data, credentials: "same-origin", headers: { "X-Picker": "1", Accept: "text/html" } })
        .then(function (answer) { if (!answer.ok) throw new Error(String(answer.status)); return answer.text(); })
        .then(function (html) {
          box.replaceWith(new DOMParser().parseFromString(html, "text/html").body.firstElementChild);
          form.dataset.changed = "1";
          var next = picker().querySelector(name === "find" ? "input[type=search]" : ".picker-path [aria-current], .picker-tree input[type=checkbox]");
          if (next && !more) next.focus({ preventScroll: true });
        })
        .catch(function () { box.removeAttribute("aria-busy"); });
    }
    form.addEventListener("click", function (event) {
      var button = event.target.closest("button[name=open], button[name=find]");
      if (!button || !form.contains(button)) return;
      event.preventDefault();
      show(button.name, button.value);
    });
    form.addEventListener("keydown", function (event) {
      if (event.key !== "Enter" || event.target.name !== "words") return;
      event.preventDefault();
      show("find", "1");
    });
    /* What is ticked moves up to the chosen ones, what is taken away moves down. */
    form.addEventListener("change", function (event) {
      if (event.target.name !== "area") return;
      if (form.querySelector("[name=words]").value.trim()) show("find", "1");
      else show("open", form.querySelector("[name=opened]").value);
    });
    /* A draft that is back: exactly its areas, also those of a part of the tree that is not open now. */
    function bringBack() {
      var wanted = Object.keys(form.restored).filter(function (field) { return /^area=/.test(field) && form.restored[field] === true; })
        .map(function (field) { return field.replace(/^area=|#.*$/g, ""); });
      var boxes = Array.prototype.slice.call(form.querySelectorAll("input[name=area]"));
      boxes.forEach(function (box) { box.checked = wanted.indexOf(box.value) >= 0; });
      show("open", form.querySelector("[name=opened]").value, wanted.filter(function (id) { return !boxes.some(function (box) { return box.value === id; }); }));
    }
    form.addEventListener("portal:draft", bringBack);
    if (form.restored) bringBack();
    form.addEventListener("submit", function () { form.dataset.changed = ""; });
  });

  /* Copying also where the page is not served over TLS. */
  function copied(button) {
    var label = button.querySelector("span"), before = label.textContent;
    label.textContent = button.dataset.done;
    setTimeout(function () { label.textContent = before; }, 2000);
  }
  function copyBySelection(text) {
    var box = document.createElement("textarea");
    box.value = text;
    box.setAttribute("readonly", "");
    box.style.position = "fixed";
    box.style.insetInlineStart = "-9999px";
    document.body.appendChild(box);
    box.select();
    var done = document.execCommand("copy");
    box.remove();
    return done;
  }
  document.addEventListener("click", function (event) {
    var button = event.target.closest("[data-copy]");
    if (!button) return;
    var source = document.getElementById(button.dataset.copy), text = (source.value || source.textContent).trim();
    if (navigator.clipboard && window.isSecureContext) navigator.clipboard.writeText(text).then(function () { copied(button); }, function () { if (copyBySelection(text)) copied(button); });
    else if (copyBySelection(text)) copied(button);
  });
})();
