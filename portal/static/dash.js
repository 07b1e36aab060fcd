/* What dashboards do in the browser: take over from the first paint, follow links without a reload, put the theme's
   colours into charts. Runs before Dash's own scripts. */
(function () {
  "use strict";
  var stage = document.getElementById("dash-stage"), firstPaint = document.getElementById("first-paint");
  var entry = document.getElementById("react-entry-point"), status = document.getElementById("dash-status");

  /* plotly.js from the address shared by all dashboards, not from this one's own. */
  if (stage.dataset.plotly) {
    Object.defineProperty(window, "_dashPlotlyJSURL", { get: function () { return stage.dataset.plotly; }, set: function () {} });
  }
  window.portalStartDash = function () { window.renderer = new window.DashRenderer(); };

  /* --- the swap ------------------------------------------------------------------------------------------------- */
  var isLive = false, busy = 0;
  function chartsAreDrawn() {
    return Array.prototype.every.call(entry.querySelectorAll(".dash-graph:not(.is-empty)"), function (graph) {
      return graph.querySelector(".main-svg") && !graph.querySelector(".dash-graph--pending");
    });
  }
  function isComplete() {
    return entry.querySelector("[data-ready], .tile") && !busy && chartsAreDrawn();
  }
  function inUse() { /* a menu is open, or the keyboard is somewhere in the first paint */
    return firstPaint.querySelector("details[open]") || firstPaint.contains(document.activeElement);
  }
  function swap() {
    if (isLive || !firstPaint || !isComplete() || inUse()) return;
    isLive = true;
    stage.classList.add("is-live");
    firstPaint.remove();
    window.removeEventListener("focusout", later);
    document.dispatchEvent(new CustomEvent("portal:dash-live"));
  }
  function later() { setTimeout(swap, 60); }
  var watcher = new MutationObserver(function () { if (isLive) watcher.disconnect(); else later(); });
  watcher.observe(entry, { childList: true, subtree: true, attributes: true, attributeFilter: ["class"] });
  window.addEventListener("focusout", later);
  firstPaint.addEventListener("toggle", later, true);

  /* --- requests of Dash ----------------------------------------------------------------------------------------- */
  var fetchBefore = window.fetch;
  window.fetch = function (input, options) {
    var url = String(typeof input === "string" ? input : (input && input.url) || "");
    if (url.indexOf("/_dash-update-component") < 0) return fetchBefore.apply(this, arguments);
    busy += 1;
    var slow = setTimeout(function () { stage.classList.add("is-loading"); }, 200);
    function done() { busy -= 1; clearTimeout(slow); if (!busy) stage.classList.remove("is-loading"); later(); }
    return fetchBefore.apply(this, arguments).then(function (response) {
      done();
      /* The page is about to be left: Dash gets no answer, so that it does not complain about this one.
         401 (the session ended) is handled by portal.js; not found or not allowed (any more) the page says itself. */
      if (response.status === 401) return new Promise(function () {});
      if (isLive && (response.status === 404 || response.status === 403)) {
        location.reload();
        return new Promise(function () {});
      }
      if (response.ok) ok(); else failed();
      return response;
    }, function (error) { done(); failed(); throw error; });
  };
  function failed() {
    if (document.getElementById("dash-failed")) return;
    var note = document.createElement("div"), again = document.createElement("button");
    note.id = "dash-failed"; note.className = "notice is-error"; note.setAttribute("role", "alert");
    again.type = "button"; again.className = "btn btn-quiet"; again.textContent = stage.dataset.retry;
    again.addEventListener("click", function () { location.reload(); });
    note.append(stage.dataset.failed + " ", again);
    stage.before(note);
  }
  function ok() { var note = document.getElementById("dash-failed"); if (note) note.remove(); }

  /* --- the keyboard's place --------------------------------------------------------------------------------------- */
  /* An answer may put new elements in the place of old ones; whoever stood on a filter stands on it again. */
  var standsOn = -1;
  function summaries() { return Array.prototype.slice.call(entry.querySelectorAll(".filter-menu > summary")); }
  document.addEventListener("focusin", function (event) { standsOn = summaries().indexOf(event.target); });
  document.addEventListener("pointerdown", function () { standsOn = -1; });
  new MutationObserver(function () {
    if (!isLive || standsOn < 0 || document.activeElement !== document.body) return;
    var again = summaries()[standsOn];
    if (again) again.focus({ preventScroll: true });
  }).observe(entry, { childList: true, subtree: true });

  /* --- links that change a filter ------------------------------------------------------------------------------- */
  function go(href) {
    var target = new URL(href, location.href);
    if (target.href === location.href) return;
    history.pushState({}, "", target.href);
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
    window.scrollTo({ top: 0 });
  }
  function closeMenu(node) {
    var menu = node.closest("details[open]");
    if (menu) { menu.open = false; menu.querySelector("summary").focus({ preventScroll: true }); }
  }
  document.addEventListener("click", function (event) {
    var link = event.target.closest("a[data-nav]");
    if (link && isLive && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.button) {
      event.preventDefault();
      closeMenu(link);
      go(link.getAttribute("href"));
      return;
    }
    var button = event.target.closest("button");
    if (!button || !stage.contains(button)) return;
    if ("print" in button.dataset) window.print();
    else if ("share" in button.dataset) share(button);
    else if ("viewTable" in button.dataset) unfold(button, button.closest(".panel").querySelector(".panel-table"));
    else if ("showMore" in button.dataset) unfold(button, button.closest(".panel").querySelector(".league-more"));
    else if ("saveImage" in button.dataset) saveImage(button);
  });
  function unfold(button, part) {
    part.hidden = !part.hidden;
    button.setAttribute("aria-expanded", String(!part.hidden));
  }
  function share(button) {
    var said = button.dataset.share, label = button.dataset.label || button.textContent;
    button.dataset.label = label;
    function tell() {
      status.textContent = said;
      button.classList.add("is-done");
      setTimeout(function () { button.classList.remove("is-done"); status.textContent = ""; }, 2000);
    }
    if (navigator.clipboard) navigator.clipboard.writeText(location.href).then(tell, byHand); else byHand();
    function byHand() { /* no clipboard without TLS: select it for the reader */
      var field = document.createElement("input");
      field.value = location.href; field.className = "visually-hidden";
      document.body.append(field); field.select();
      try { document.execCommand("copy"); tell(); } finally { field.remove(); button.focus(); }
    }
  }
  function saveImage(button) {
    var graph = button.closest(".panel").querySelector(".js-plotly-plot");
    if (graph && window.Plotly) window.Plotly.downloadImage(graph, { format: "png", scale: 2, filename: stage.dataset.slug + "-" + button.dataset.saveImage });
  }

  /* The range of days: the browser's own date fields, put into the menu when it opens. */
  document.addEventListener("toggle", function (event) {
    var menu = event.target, place = menu.open && menu.querySelector && menu.querySelector("[data-range-form]");
    if (!place) return;
    var form = document.getElementById("range-form").content.firstElementChild.cloneNode(true);
    form.elements.from.value = place.dataset.from;
    form.elements.to.value = place.dataset.to;
    form.addEventListener("submit", function (submitted) {
      submitted.preventDefault();
      var query = new URLSearchParams(location.search), from = form.elements.from.value, to = form.elements.to.value;
      query.set("from", from < to ? from : to);
      query.set("to", from < to ? to : from);
      closeMenu(form);
      if (isLive) go("?" + query); else location.search = "?" + query;
    });
    place.replaceChildren(form);
  }, true);

  /* --- charts follow the theme ---------------------------------------------------------------------------------- */
  function coloured(value, style) {
    if (typeof value === "string") {
      return value.indexOf("var(--") < 0 ? value : value.replace(/var\((--[\w-]+)\)/g, function (_all, name) { return style.getPropertyValue(name).trim(); });
    }
    if (Array.isArray(value)) return value.map(function (item) { return coloured(item, style); });
    if (value && typeof value === "object") {
      return Object.keys(value).reduce(function (copy, key) { copy[key] = coloured(value[key], style); return copy; }, {});
    }
    return value;
  }
  var clientside = (window.dash_clientside = window.dash_clientside || {});
  clientside.portal = {
    charts: function (figures) {
      var style = getComputedStyle(document.documentElement), out = [];
      ["recovery", "daily"].forEach(function (name) {
        var figure = figures && figures[name];
        out.push(figure ? coloured(figure, style) : clientside.no_update, figure ? "panel-graph" : "panel-graph is-empty");
      });
      return out;
    },
    title: function (title) {
      if (title) {
        document.title = title + " · " + document.title.split(" · ").pop();
        if (isLive) status.textContent = title;
      }
      return clientside.no_update;
    }
  };
  document.addEventListener("portal:theme", function () {
    var theme = document.documentElement.dataset.bsTheme, stores = stage.dataset.themeStore || "ov-theme";
    if (clientside.set_props) clientside.set_props(stores, { data: theme + Date.now() });
  });
})();
