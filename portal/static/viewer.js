/* The photo viewer: zoom (wheel, pinch, double tap, + and -), turn, move, swipe or arrow keys for the next one.
 *
 * Opens from a gallery ([data-gallery] with [data-photo] links). Without this script the links show the photo itself.
 */
(function () {
  "use strict";
  function all(selector, scope) { return Array.prototype.slice.call((scope || document).querySelectorAll(selector)); }
  /* With low data a photo comes when it is tapped: the first tap fetches the small one, the second opens the viewer. */
  all("[data-thumb]").forEach(function (wait) {
    wait.parentNode.addEventListener("click", function (event) {
      if (!wait.isConnected) return;
      event.preventDefault(); event.stopImmediatePropagation();
      var image = document.createElement("img");
      image.src = wait.dataset.thumb; image.alt = wait.textContent.trim(); image.width = image.height = 112;
      wait.replaceWith(image);
    }, true);
  });
  all("[data-photo] img").forEach(function (image) {
    function broken() { image.closest("[data-photo]").classList.add("is-broken"); }
    image.addEventListener("error", broken);
    if (image.complete && image.naturalWidth === 0 && image.currentSrc) broken();
  });

  var galleries = all("[data-gallery]"), dialog = document.getElementById("viewer");
  if (!galleries.length || !dialog || !dialog.showModal) return;
  var stage = dialog.querySelector("[data-viewer-stage]"), picture = dialog.querySelector("[data-viewer-picture]"),
    caption = dialog.querySelector("[data-viewer-caption]"), count = dialog.querySelector("[data-viewer-count]"), failed = dialog.querySelector("[data-viewer-failed]"),
    source = dialog.querySelector("[data-viewer-source]"), fewer = all("[data-viewer-step]", dialog);
  var MOST = 8, photos = [], at = 0, zoom = 1, turn = 0, x = 0, y = 0, isRtl = document.documentElement.dir === "rtl", opener = null;

  function draw(isQuick) {
    picture.style.transition = isQuick ? "none" : "";
    picture.style.transform = "translate(" + x + "px," + y + "px) rotate(" + turn + "deg) scale(" + zoom * fit() + ")";
    dialog.classList.toggle("is-zoomed", zoom > 1.01);
  }
  /* A picture lying on its side has to fit again. */
  function fit() {
    if (turn % 180 === 0 || !picture.naturalWidth) return 1;
    var box = stage.getBoundingClientRect(), wide = picture.offsetWidth, high = picture.offsetHeight;
    return wide && high ? Math.min(box.width / high, box.height / wide) : 1;
  }
  function hold() {
    var box = stage.getBoundingClientRect(), scale = zoom * fit(), isSide = turn % 180 !== 0;
    var wide = (isSide ? picture.offsetHeight : picture.offsetWidth) * scale, high = (isSide ? picture.offsetWidth : picture.offsetHeight) * scale;
    var mostX = Math.max(0, (wide - box.width) / 2), mostY = Math.max(0, (high - box.height) / 2);
    x = Math.max(-mostX, Math.min(mostX, x)); y = Math.max(-mostY, Math.min(mostY, y));
  }
  /* Zoom so that the point under finger or pointer stays where it is. */
  function zoomTo(wanted, clientX, clientY, isQuick) {
    var box = stage.getBoundingClientRect(), before = zoom, px = clientX === undefined ? 0 : clientX - box.left - box.width / 2, py = clientY === undefined ? 0 : clientY - box.top - box.height / 2;
    zoom = Math.max(1, Math.min(MOST, wanted));
    x = px - (px - x) * zoom / before; y = py - (py - y) * zoom / before;
    if (zoom === 1) { x = 0; y = 0; }
    hold(); draw(isQuick);
  }
  function show(index) {
    at = (index + photos.length) % photos.length;
    var photo = photos[at];
    zoom = 1; turn = 0; x = 0; y = 0; draw(true);
    failed.hidden = true; picture.hidden = false; dialog.classList.add("is-loading");
    picture.alt = photo.dataset.caption || "";
    picture.src = photo.href;
    caption.textContent = [photo.dataset.caption, photo.dataset.when].filter(Boolean).map(function (part) { return "\u2068" + part + "\u2069"; }).join(" · ");
    count.textContent = photos.length > 1 ? (at + 1) + " / " + photos.length : "";
    source.hidden = !photo.dataset.source;
    if (photo.dataset.source) source.href = photo.dataset.source; else source.removeAttribute("href");
    fewer.forEach(function (button) { button.hidden = photos.length < 2; });
  }
  picture.addEventListener("load", function () { dialog.classList.remove("is-loading"); });
  picture.addEventListener("error", function () { dialog.classList.remove("is-loading"); picture.hidden = true; failed.hidden = false; });
  function step(by) { if (photos.length > 1) show(at + by); }
  function rotate(by) { turn += by; x = 0; y = 0; hold(); draw(); }

  galleries.forEach(function (gallery) {
    var mine = all("[data-photo]", gallery);
    mine.forEach(function (link, index) {
      link.addEventListener("click", function (event) {
        if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
        event.preventDefault();
        photos = mine; opener = link;
        dialog.showModal(); show(index);
      });
    });
  });
  dialog.addEventListener("close", function () { picture.removeAttribute("src"); if (opener) opener.focus(); });
  function act(name) {
    if (name === "close") dialog.close();
    else if (name === "in") zoomTo(zoom * 1.5);
    else if (name === "out") zoomTo(zoom / 1.5);
    else if (name === "left") rotate(-90);
    else if (name === "right") rotate(90);
  }
  all("[data-viewer-do]", dialog).forEach(function (button) { button.addEventListener("click", function () { act(button.dataset.viewerDo); }); });
  fewer.forEach(function (button) { button.addEventListener("click", function () { step(Number(button.dataset.viewerStep)); }); });
  dialog.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    var key = event.key, forward = isRtl ? "ArrowLeft" : "ArrowRight", back = isRtl ? "ArrowRight" : "ArrowLeft", move = 60;
    if (zoom > 1.01 && /^Arrow/.test(key)) { x += key === "ArrowLeft" ? move : key === "ArrowRight" ? -move : 0; y += key === "ArrowUp" ? move : key === "ArrowDown" ? -move : 0; hold(); draw(); }
    else if (key === forward) step(1);
    else if (key === back) step(-1);
    else if (key === "+" || key === "=") act("in");
    else if (key === "-") act("out");
    else if (key === "0") zoomTo(1);
    else if (key === "r") rotate(90);
    else if (key === "R") rotate(-90);
    else if (key === "Home") show(0);
    else if (key === "End") show(photos.length - 1);
    else return;
    event.preventDefault();
  });

  /* Fingers and mouse. One moves (or swipes, when nothing is zoomed), two pinch. */
  var fingers = new Map(), start = null, tapped = 0;
  function middle() { var p = Array.from(fingers.values()); return { x: (p[0].x + p[1].x) / 2, y: (p[0].y + p[1].y) / 2, apart: Math.hypot(p[0].x - p[1].x, p[0].y - p[1].y) }; }
  stage.addEventListener("pointerdown", function (event) {
    if (event.button) return;
    stage.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    start = fingers.size === 2 ? Object.assign(middle(), { zoom: zoom, pinch: true }) : { x: event.clientX, y: event.clientY, fromX: x, fromY: y, time: Date.now() };
  });
  stage.addEventListener("pointermove", function (event) {
    if (!fingers.has(event.pointerId) || !start) return;
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (start.pinch && fingers.size === 2) {
      var now = middle();
      x += now.x - start.x; y += now.y - start.y; start.x = now.x; start.y = now.y;
      zoomTo(start.zoom * now.apart / start.apart, now.x, now.y, true);
    } else if (!start.pinch) {
      x = start.fromX + event.clientX - start.x; y = zoom > 1.01 ? start.fromY + event.clientY - start.y : 0;
      if (zoom > 1.01) hold();
      draw(true);
    }
  });
  function lift(event) {
    if (!fingers.delete(event.pointerId) || !start) return;
    var dx = event.clientX - start.x, dy = event.clientY - start.y, wasPinch = start.pinch;
    if (fingers.size) { var left = fingers.values().next().value; start = { x: left.x, y: left.y, fromX: x, fromY: y, time: 0, after: true }; return; }
    var was = start; start = null;
    if (wasPinch) return;
    if (zoom <= 1.01) {
      x = 0; y = 0;
      if (!was.after && event.type === "pointerup" && Math.abs(dx) > 50 && Math.abs(dx) > Math.abs(dy) * 1.5 && photos.length > 1) { step(dx < 0 !== isRtl ? 1 : -1); return; }
      draw();
    }
    if (Math.abs(dx) < 8 && Math.abs(dy) < 8 && event.type === "pointerup") {
      if (Date.now() - tapped < 350) { tapped = 0; zoomTo(zoom > 1.01 ? 1 : 2.5, event.clientX, event.clientY); } else tapped = Date.now();
    }
  }
  stage.addEventListener("pointerup", lift);
  stage.addEventListener("pointercancel", lift);
  stage.addEventListener("wheel", function (event) { event.preventDefault(); zoomTo(zoom * Math.exp(-event.deltaY / 400), event.clientX, event.clientY, true); }, { passive: false });
  stage.addEventListener("dragstart", function (event) { event.preventDefault(); });
  window.addEventListener("resize", function () { if (dialog.open) { hold(); draw(true); } });
})();
