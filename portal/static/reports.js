/* What reports do in the browser: cells that link and badges, the search field, and an address that follows the order. */
(function () {
  "use strict";
  if (window.portalReports) return;
  window.portalReports = true;
  var GRID = "rp-grid";

  /* --- cells ---------------------------------------------------------------------------------------------------- */
  var cells = (window.dashAgGridComponentFunctions = window.dashAgGridComponentFunctions || {});
  cells.ReportLink = function (props) {
    if (!props.value) return null;
    return window.React.createElement("a", { href: props.href + encodeURIComponent(props.value), className: "report-link" }, props.value);
  };
  cells.ReportBadge = function (props) {
    if (!props.value) return null;
    return window.React.createElement("span", { className: "badge-status is-" + String(props.data._code).toLowerCase() }, props.value);
  };

  /* --- the grid ------------------------------------------------------------------------------------------------- */
  function api() {
    try { return window.dash_ag_grid && window.dash_ag_grid.getApi(GRID); } catch (error) { return null; }
  }
  var shownView = null;
  function withSort(href, sort) {
    var url = new URL(href, location.href);
    if (sort) url.searchParams.set("sort", sort); else url.searchParams.delete("sort");
    return url;
  }
  var clientside = (window.dash_clientside = window.dash_clientside || {});
  clientside.reports = {
    /* Another address: the rows there are belong to the one before. */
    changed: function (view) {
      var grid = api();
      if (grid && shownView !== null && view !== shownView) { grid.ensureIndexVisible && grid.getDisplayedRowCount() && grid.ensureIndexVisible(0); grid.purgeInfiniteCache(); }
      shownView = view;
      return clientside.no_update;
    },
    counted: function (count) {
      var grid = api();
      if (grid && count && typeof count.rows === "number") grid.setRowCount(count.rows, true);
      return clientside.no_update;
    },
    /* The order is part of the address, so that a link opens the same view and a download has the same order. */
    sorted: function (request) {
      var model = request && request.sortModel;
      if (!model) return clientside.no_update;
      var sort = model.length ? (model[0].sort === "desc" ? "-" : "") + model[0].colId : "";
      var here = withSort(location.href, sort);
      if (here.href !== location.href) history.replaceState(history.state, "", here.href);
      document.querySelectorAll("#dash-stage a[data-nav], #dash-stage a[data-download]").forEach(function (link) {
        var href = link.getAttribute("href");
        if (href === "?") return;
        var url = withSort(href, sort);
        link.setAttribute("href", "download" in link.dataset ? url.pathname + url.search : url.search || "?");
      });
      return clientside.no_update;
    }
  };

  /* A click anywhere in a row opens its record, unless text is being selected. */
  document.addEventListener("click", function (event) {
    var row = event.target.closest(".ag-row, .report-first tbody tr");
    if (!row || event.target.closest("a, button") || String(window.getSelection())) return;
    var link = row.querySelector(".report-link");
    if (link) location.assign(link.href);
  });

  /* --- the search field ----------------------------------------------------------------------------------------- */
  function fill(place) {
    if (place.dataset.filled === place.dataset.value + "|" && place.firstChild) return;
    place.dataset.filled = place.dataset.value + "|";
    var form = document.createElement("form"), field = document.createElement("input"), button = document.createElement("button");
    form.className = "report-search-form"; form.setAttribute("role", "search");
    field.type = "search"; field.name = "q"; field.className = "form-control"; field.maxLength = 60; field.autocomplete = "off";
    field.placeholder = place.dataset.search; field.setAttribute("aria-label", place.dataset.search); field.value = place.dataset.value || "";
    button.type = "submit"; button.className = "btn btn-quiet"; button.textContent = place.dataset.button;
    form.append(field, button);
    form.addEventListener("submit", function (event) {
      event.preventDefault();
      var query = new URLSearchParams(location.search), typed = field.value.trim();
      if (typed) query.set("q", typed); else query.delete("q");
      var target = location.pathname + (String(query) ? "?" + query : "");
      if (!document.getElementById("dash-stage").classList.contains("is-live")) { location.assign(target); return; }
      history.pushState({}, "", target);
      window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
    });
    field.addEventListener("search", function () { if (!field.value && place.dataset.value) form.requestSubmit(); });
    place.replaceChildren(form);
  }
  function fillAll() { document.querySelectorAll("[data-search]").forEach(fill); }
  new MutationObserver(fillAll).observe(document.documentElement, { childList: true, subtree: true, attributes: true, attributeFilter: ["data-value"] });
  fillAll();
})();
