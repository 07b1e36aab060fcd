/* The bell's count, kept up to date while the page is looked at. Asking is no activity: it keeps no session alive. */
(function () {
  "use strict";
  var bell = document.querySelector("[data-bell]");
  if (!bell) return;
  var count = bell.querySelector("[data-bell-count]"), said = document.querySelector("[data-bell-said]");
  var EVERY = 60, LONGEST = 600, wait = EVERY, timer = null, asked = Date.now(), unread = Number(bell.dataset.unread);
  function show(now) {
    if (now === unread) return;
    count.textContent = now > 99 ? "99+" : String(now);
    count.hidden = !now;
    /* Only what is new is said aloud; that something was read, whoever read it knows. */
    var words = now ? bell.dataset.said.replace("{count}", count.textContent) : bell.dataset.none;
    bell.setAttribute("aria-label", words);
    if (now > unread) said.textContent = words;
    unread = now;
    document.dispatchEvent(new CustomEvent("portal:unread", { detail: { unread: now } }));
  }
  function ask() {
    clearTimeout(timer);
    asked = Date.now();
    window.portal.fetch(bell.dataset.bellUrl, { headers: { "X-Background": "1" } })
      .then(function (answer) { if (!answer.ok) throw new Error(String(answer.status)); return answer.json(); })
      .then(function (state) { wait = EVERY; show(state.unread); })
      .catch(function () { wait = Math.min(wait * 2, LONGEST); /* no network: asked again, later each time */ })
      .then(later);
  }
  function later() { clearTimeout(timer); if (!document.hidden) timer = setTimeout(ask, wait * 1000); }
  document.addEventListener("visibilitychange", function () {
    clearTimeout(timer);
    if (document.hidden) return;
    if (Date.now() - asked > EVERY * 1000) ask(); else later();
  });
  /* A page out of the browser's memory shows the count of then. */
  window.addEventListener("pageshow", function (event) { if (event.persisted) ask(); });
  window.portal.askBell = ask;
  later();
})();
