/* A list that goes on by itself: the next page is put under this one when its end comes near, or the button is pressed.
   Without scripts the list has its pages. */
(function () {
  "use strict";
  var list = document.querySelector("[data-more]"), nav = document.querySelector("[data-more-nav]"), button = document.querySelector("[data-more-button]");
  if (!list || !nav || !button) return;
  var words = button.textContent, busy = false;
  function next(scope) { return scope.querySelector("[data-more-nav] a[rel=next]"); }
  var following = next(document);
  if (!following || nav.querySelector("a[rel=prev]")) return; /* entered in the middle: pages lead both ways */
  function add(page) {
    Array.prototype.slice.call(page.querySelectorAll("[data-more] > li")).forEach(function (line) {
      var days = list.querySelectorAll("[data-day]"), last = days[days.length - 1];
      if (line.dataset.day && last && last.dataset.day === line.dataset.day) return;
      if (line.id && document.getElementById(line.id)) return;
      list.appendChild(document.importNode(line, true));
    });
    following = next(page);
    button.hidden = !following;
  }
  function load() {
    if (busy || !following) return;
    busy = true;
    button.disabled = true;
    window.fetch(following.getAttribute("href"), { credentials: "same-origin" })
      .then(function (answer) { if (!answer.ok) throw new Error(String(answer.status)); return answer.text(); })
      .then(function (html) { button.textContent = words; add(new DOMParser().parseFromString(html, "text/html")); })
      .catch(function () { button.textContent = button.dataset.failed; if (watcher) watcher.disconnect(); })
      .then(function () { busy = false; button.disabled = false; if (watcher && following) { watcher.unobserve(button); watcher.observe(button); } });
  }
  nav.hidden = true;
  button.hidden = false;
  button.addEventListener("click", function () { if (watcher) watcher.observe(button); load(); });
  var watcher = "IntersectionObserver" in window ? new IntersectionObserver(function (seen) { if (seen[0].isIntersecting) load(); }, { rootMargin: "400px" }) : null;
  if (watcher) watcher.observe(button);
})();
