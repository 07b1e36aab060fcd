/* Behaviour of the shell. Every page works without it, except the warning before an idle session ends. */
(function () {
  "use strict";
  var root = document.documentElement, body = document.body, csrf = body.dataset.csrf;
  function all(selector, scope) { return Array.prototype.slice.call((scope || document).querySelectorAll(selector)); }
  function remember(name, value) { try { value === null ? sessionStorage.removeItem(name) : sessionStorage.setItem(name, value); } catch (e) { /* private mode */ } }
  function recall(name) { try { return sessionStorage.getItem(name); } catch (e) { return null; } }

  /* Data requests: own origin, with the form token; a 401 means that the session has ended. */
  function toLogin() {
    var here = location.pathname + location.search;
    location.assign((body.dataset.loginUrl || "/login") + "?expired=1&next=" + encodeURIComponent(here));
  }
  function send(url, options) {
    options = Object.assign({ credentials: "same-origin" }, options || {});
    options.headers = Object.assign({ "X-CSRFToken": csrf, "X-Requested-With": "fetch", Accept: "application/json" }, options.headers || {});
    return window.fetch(url, options);
  }
  var plainFetch = window.fetch;
  window.fetch = function (input) {
    return plainFetch.apply(this, arguments).then(function (response) {
      var url = typeof input === "string" ? input : input && input.url;
      if (response.status === 401 && body.dataset.loginUrl && new URL(url, location.href).origin === location.origin) toLogin();
      return response;
    });
  };
  window.portal = { fetch: send, toLogin: toLogin };

  /* Light and dark without a reload. */
  all("[data-theme-form]").forEach(function (form) {
    form.addEventListener("submit", function (event) {
      event.preventDefault();
      var theme = root.dataset.bsTheme === "dark" ? "light" : "dark";
      root.dataset.theme = theme;
      window.portalApplyTheme();
      document.dispatchEvent(new CustomEvent("portal:theme", { detail: { theme: theme } }));
      send(form.action, { method: "POST", body: new URLSearchParams({ theme: theme }), redirect: "manual", headers: { "X-Background": "1" } });
    });
  });

  /* `/` goes to the search box. */
  document.addEventListener("keydown", function (event) {
    var target = event.target, typing = target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      var box = all("#global-search, #home-q, main input[type=search]").filter(function (e) { return e.offsetParent; })[0];
      if (box) { event.preventDefault(); box.focus(); box.select(); }
    }
    if (event.key === "Escape") { closeMenus(); openNav(false); }
  });

  /* Menus and the drawer of narrow screens. */
  function closeMenus(except) {
    all("details[data-menu][open]").forEach(function (menu) {
      if (menu === except) return;
      var inside = menu.contains(document.activeElement);
      menu.open = false;
      if (inside) menu.querySelector("summary").focus();
    });
  }
  document.addEventListener("click", function (event) { closeMenus(event.target.closest("details[data-menu]")); });
  function openNav(open) {
    var button = document.querySelector("[data-nav-toggle]");
    if (!button || body.classList.contains("nav-open") === open) return;
    body.classList.toggle("nav-open", open);
    button.setAttribute("aria-expanded", String(open));
    if (open) document.querySelector(".sidebar a").focus(); else button.focus();
  }
  all("[data-nav-toggle]").forEach(function (button) { button.addEventListener("click", function () { openNav(!body.classList.contains("nav-open")); }); });
  all("[data-nav-close]").forEach(function (scrim) { scrim.addEventListener("click", function () { openNav(false); }); });

  /* Forms: sent once, drafts kept in this tab until they are accepted, changes not lost by accident. */
  all("form[data-draft]").forEach(function (form) {
    var key = "draft:" + location.pathname + ":" + form.dataset.draft, saved = recall(key);
    function fields() { return all("input, select, textarea", form).filter(function (f) { return f.name && !/^(hidden|password|file|submit)$/.test(f.type); }); }
    if (form.hasAttribute("data-draft-done")) { remember(key, null); saved = null; }
    if (saved) {
      var values = JSON.parse(saved);
      fields().forEach(function (f) {
        var value = values[f.name + (/^(radio|checkbox)$/.test(f.type) ? "=" + f.value : "")];
        if (value === undefined) return;
        if (/^(radio|checkbox)$/.test(f.type)) f.checked = value; else f.value = value;
      });
      form.dataset.changed = "1";
    }
    form.addEventListener("input", function () {
      var values = {};
      fields().forEach(function (f) { if (/^(radio|checkbox)$/.test(f.type)) values[f.name + "=" + f.value] = f.checked; else values[f.name] = f.value; });
      remember(key, JSON.stringify(values));
      form.dataset.changed = "1";
    });
    form.addEventListener("submit", function () { form.dataset.changed = ""; });
  });
  window.addEventListener("beforeunload", function (event) {
    if (all("form[data-changed='1']").length && !body.dataset.leaving) event.preventDefault();
  });
  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (event.defaultPrevented || form.method !== "post") return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
    setTimeout(function () { delete form.dataset.sent; }, 8000);
  });
  window.addEventListener("pageshow", function () { all("form[data-sent]").forEach(function (form) { delete form.dataset.sent; }); });
  var summary = document.querySelector("[data-errors]");
  if (summary) summary.focus();

  /* The idle session: the server knows when it ends (other tabs may have been used), the page only warns. */
  var idle = Number(body.dataset.idleSeconds), dialog = document.getElementById("idle-dialog");
  if (!idle || !dialog || !dialog.showModal) return;
  var warn = Math.min(120, Math.floor(idle / 3)), ends = Date.now() + idle * 1000, timer = null;
  function left() { return Math.round((ends - Date.now()) / 1000); }
  function ask() {
    send(body.dataset.sessionUrl, { headers: { "X-Background": "1" } })
      .then(function (r) { return r.ok ? r.json() : null; })
      .then(function (state) { if (state) { ends = Date.now() + state.seconds_left * 1000; tick(true); } })
      .catch(function () { /* no network: asked again below */ });
  }
  function tick(fresh) {
    clearTimeout(timer);
    if (left() > warn) {
      if (dialog.open) dialog.close();
      timer = setTimeout(ask, Math.max((left() - warn) * 1000, 1000));
      return;
    }
    if (left() <= 0) { body.dataset.leaving = "1"; toLogin(); return; }
    if (!dialog.open) dialog.showModal();
    dialog.querySelector("[data-idle-left]").textContent = Math.floor(left() / 60) + ":" + String(left() % 60).padStart(2, "0");
    timer = setTimeout(!fresh && left() % 15 === 0 ? ask : tick, 1000);
  }
  dialog.querySelector("[data-idle-stay]").addEventListener("click", function () {
    send(body.dataset.sessionUrl, { method: "POST" })
      .then(function (r) { return r.ok ? r.json() : null; })
      .then(function (state) { if (state) { ends = Date.now() + state.seconds_left * 1000; tick(true); } });
  });
  document.addEventListener("visibilitychange", function () { if (!document.hidden && left() < idle / 2) ask(); });
  tick(true);
})();
