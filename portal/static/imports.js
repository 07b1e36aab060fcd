/* Imports: drop zone with one upload a file, progress of a running import, months changed in a preview. */
(function () {
  "use strict";
  function all(selector, scope) { return Array.prototype.slice.call((scope || document).querySelectorAll(selector)); }
  var csrf = document.body.dataset.csrf;

  /* Each file is sent by itself, so that a bad one stops no other and each shows its own progress. */
  var form = document.querySelector("[data-upload]");
  if (form) {
    var zone = form.querySelector("[data-drop-zone]"), input = form.querySelector("input[type=file]"), list = form.querySelector("[data-upload-list]");
    ["dragenter", "dragover"].forEach(function (name) { zone.addEventListener(name, function (e) { e.preventDefault(); zone.classList.add("is-over"); }); });
    ["dragleave", "drop"].forEach(function (name) { zone.addEventListener(name, function (e) { e.preventDefault(); if (name === "drop" || !zone.contains(e.relatedTarget)) zone.classList.remove("is-over"); }); });
    zone.addEventListener("drop", function (e) { sendAll(e.dataTransfer.files); });
    input.addEventListener("change", function () { sendAll(input.files); });
    /* Choosing sends at once: the button is for browsers without scripts. */
    form.addEventListener("submit", function (e) { e.preventDefault(); sendAll(input.files); });
    all("button[type=submit]", form).forEach(function (button) { button.hidden = true; });
  }
  var queue = Promise.resolve(), waits = 0;
  function line(name) {
    var item = document.createElement("li"), label = document.createElement("bdi"), bar = document.createElement("div"), fill = document.createElement("div"), text = document.createElement("span");
    label.className = "upload-name"; label.textContent = name; bar.className = "bar-track"; fill.className = "bar-fill"; fill.style.inlineSize = "0";
    bar.appendChild(fill); item.append(label, bar, text); list.appendChild(item);
    return {
      at: function (share) { fill.style.inlineSize = Math.round(100 * share) + "%"; },
      ends: function (message, good, url) {
        bar.remove(); text.className = good ? "muted" : "bad"; text.textContent = message + " ";
        if (url) { var link = document.createElement("a"); link.href = url; link.textContent = form.dataset.textOpen; text.appendChild(link); }
      }
    };
  }
  function sendOne(file, show) {
    return new Promise(function (done) {
      if (file.size > Number(form.dataset.maxBytes)) { show.ends(form.dataset.textLarge, false); return done(null); }
      if (file.size === 0) { show.ends(form.dataset.textEmpty, false); return done(null); }
      var request = new XMLHttpRequest(), body = new FormData();
      body.append("files", file, file.name);
      request.open("POST", form.action);
      request.setRequestHeader("X-CSRFToken", csrf);
      request.setRequestHeader("X-Requested-With", "fetch");
      request.setRequestHeader("Accept", "application/json");
      request.upload.onprogress = function (e) { if (e.lengthComputable) show.at(e.loaded / e.total); };
      request.onerror = function () { show.ends(form.dataset.textFailed, false); done(null); };
      request.onload = function () {
        if (request.status === 401) { window.portal.toLogin(); return; }
        var answer = {};
        try { answer = JSON.parse(request.responseText); } catch (e) { /* shown as failed */ }
        if (request.status === 201) { show.ends(form.dataset.textSent, true, answer.url); return done(answer.url); }
        show.ends(answer.errors && answer.errors.length ? answer.errors[0].message : answer.message || form.dataset.textFailed, false);
        done(null);
      };
      request.send(body);
    });
  }
  function sendAll(files) {
    /* The files are taken out of the field, so that nothing sends them a second time. */
    files = Array.prototype.slice.call(files);
    input.value = "";
    if (!files.length) return;
    if (!waits) list.textContent = "";
    if (files.length > Number(form.dataset.maxFiles)) { line(form.dataset.textMany).ends("", false); return; }
    var shows = files.map(function (file) { return line(file.name); }), urls = [];
    waits += 1;
    queue = files.reduce(function (before, file, i) {
      return before.then(function () { return sendOne(file, shows[i]); }).then(function (url) { if (url) urls.push(url); });
    }, queue).then(function () {
      waits -= 1;
      if (list.children.length === 1 && urls.length === 1) { location.assign(urls[0]); return; }
      if (urls.length) look(true);
    });
  }

  /* The history shows how its running imports get on. */
  function look(force) {
    var box = document.querySelector("[data-history]");
    if (!box || (!force && !box.hasAttribute("data-running"))) return;
    window.fetch(location.href, { credentials: "same-origin", headers: { "X-Background": "1", Accept: "text/html" } })
      .then(function (response) { return response.ok ? response.text() : null; })
      .then(function (html) {
        if (!html) return;
        var fresh = new DOMParser().parseFromString(html, "text/html").querySelector("[data-history]");
        if (fresh && !box.contains(document.activeElement)) box.replaceWith(fresh);
      })
      .catch(function () { /* no network: asked again */ })
      .then(function () { if (force !== true || document.querySelector("[data-history][data-running]")) again(); });
  }
  var waiting = null;
  function again() { clearTimeout(waiting); waiting = setTimeout(look, 2000); }
  if (document.querySelector("[data-history][data-running]")) again();

  /* One running import: asked every second, in the background, so that it keeps no session alive. */
  var running = document.querySelector("[data-poll]");
  if (running) poll();
  function poll() {
    window.fetch(running.dataset.poll, { credentials: "same-origin", headers: { "X-Background": "1", Accept: "application/json" } })
      .then(function (response) { return response.ok ? response.json() : null; })
      .then(function (state) {
        if (state && !state.running) { location.reload(); return; }
        if (state) {
          var bar = running.querySelector("[data-bar]"), text = running.querySelector("[data-text]");
          bar.setAttribute("aria-valuenow", state.percent);
          bar.firstElementChild.style.inlineSize = state.percent + "%";
          running.querySelector("[data-percent]").textContent = state.percent + " %";
          if (text.textContent !== state.text) text.textContent = state.text;
        }
        setTimeout(poll, 1000);
      })
      .catch(function () { setTimeout(poll, 3000); });
  }

  /* A preview whose months or as-of time were changed is brought up to date before it can be imported. */
  var preview = document.querySelector("[data-preview]");
  if (preview) {
    var fields = all("[data-watch]", preview), button = document.querySelector("[data-import]"), update = preview.querySelector("[data-update]");
    var first = fields.map(function (field) { return field.tagName === "SELECT" ? field.querySelector("option[selected]") && field.querySelector("option[selected]").value : field.defaultValue; });
    var watch = function () {
      var changed = false;
      fields.forEach(function (field, i) { var is = field.value !== first[i]; field.classList.toggle("is-changed", is); changed = changed || is; });
      if (button) { button.disabled = changed; button.title = changed ? preview.dataset.textUpdate : ""; }
      if (update) { update.classList.toggle("btn-primary", changed); update.classList.toggle("btn-quiet", !changed); }
    };
    preview.addEventListener("input", watch);
    preview.addEventListener("change", watch);
    window.addEventListener("pageshow", watch);
  }
})();
