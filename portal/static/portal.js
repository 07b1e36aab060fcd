/* Behaviour of the shell. Every page works without it. */
(function () {
  "use strict";
  var root = document.documentElement, body = document.body, csrf = body.dataset.csrf;
  function all(selector, scope) { return Array.prototype.slice.call((scope || document).querySelectorAll(selector)); }

  /* Data requests: own origin, with the form token; a 401 means that the session has ended. */
  function toLogin() {
    /* Nobody is asked whether he wants to leave: what he typed is kept, and there is nothing to stay for. */
    body.dataset.leaving = "1";
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

  /* Forms are sent once. Drafts and the end of the session: session.js. */
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
})();
