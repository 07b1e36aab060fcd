/* Cards of units. Further cards come under those that are there; the address follows, so that coming back shows all of them again. */
(function () {
  "use strict";
  /* Low data: a photo is fetched when somebody wants to see it. */
  document.addEventListener("click", function (event) {
    var button = event.target.closest("button[data-thumb]"), image;
    if (!button) return;
    image = document.createElement("img");
    image.alt = ""; image.width = image.height = 64; image.src = button.dataset.thumb;
    button.removeAttribute("data-thumb");
    button.replaceChildren(image);
  });
  var list = document.querySelector("[data-cards]"), place = document.querySelector("[data-more-place]");
  if (!list || !place) return;
  function takeMore(holder) {
    var next = holder && holder.querySelector("[data-more]");
    place.replaceChildren();
    if (next) place.appendChild(next);
    if (holder) holder.remove();
  }
  place.addEventListener("click", function (event) {
    var link = event.target.closest("a[rel=next]");
    if (!link || event.ctrlKey || event.metaKey || link.search.indexOf("n=") < 0) return;
    event.preventDefault();
    if (link.getAttribute("aria-busy") === "true") return;
    link.setAttribute("aria-busy", "true");
    var shown = list.querySelectorAll(".unit-card").length;
    window.portal.fetch(link.href, { headers: { "X-Cards": "1", "X-Cards-Shown": String(shown), Accept: "text/html" } }).then(function (response) {
      if (!response.ok) throw new Error(String(response.status));
      return response.text();
    }).then(function (html) {
      /* Parsed apart: nothing of it runs. */
      var part = new DOMParser().parseFromString(html, "text/html").body;
      var first = part.querySelector(".unit-card a"), holder = part.querySelector("[data-more-is]");
      list.append.apply(list, Array.prototype.slice.call(part.childNodes));
      takeMore(holder);
      history.replaceState(history.state, "", link.href);
      if (first) first.focus({ preventScroll: true });
    }).catch(function () { location.assign(link.href); });
  });
  var hidden = list.querySelector("[data-more-is]");
  if (hidden) hidden.remove();
})();
