/* Photos of a form, made smaller before they are sent: a phone's 4 MB become 300 KB. Each gets its uuid, so that a form
 * sent twice brings it once. Without this script the fields work as they are. */
(function () {
  "use strict";
  var EDGE = 1600, QUALITY = 0.8, MOST = 20;
  function uuid() {
    if (window.crypto.randomUUID) return window.crypto.randomUUID();
    var b = window.crypto.getRandomValues(new Uint8Array(16));
    b[6] = b[6] & 15 | 64; b[8] = b[8] & 63 | 128;
    return Array.from(b, function (n, i) { return (i === 4 || i === 6 || i === 8 || i === 10 ? "-" : "") + (n + 256).toString(16).slice(1); }).join("");
  }
  /* The browser turns the picture as the camera said. What it cannot read goes as it is. */
  function shrink(file) {
    if (!window.createImageBitmap || !file.size) return Promise.resolve(file);
    return createImageBitmap(file, { imageOrientation: "from-image" }).then(function (bitmap) {
      var scale = Math.min(1, EDGE / Math.max(bitmap.width, bitmap.height));
      if (scale === 1 && file.size < 400 * 1024 && file.type === "image/jpeg") { bitmap.close(); return file; }
      var canvas = document.createElement("canvas");
      canvas.width = Math.max(1, Math.round(bitmap.width * scale)); canvas.height = Math.max(1, Math.round(bitmap.height * scale));
      var pen = canvas.getContext("2d");
      pen.fillStyle = "#fff"; pen.fillRect(0, 0, canvas.width, canvas.height);
      pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
      bitmap.close();
      return new Promise(function (done) {
        canvas.toBlob(function (blob) {
          done(blob && blob.size < file.size ? new File([blob], file.name.replace(/\.[^.]*$/, "") + ".jpg", { type: "image/jpeg", lastModified: file.lastModified }) : file);
        }, "image/jpeg", QUALITY);
      });
    }).catch(function () { return file; });
  }
  /* Why the server would refuse a file for sure: "empty", "tooLarge", "noPicture"; "" when it may take it. */
  function refusal(file, most) {
    if (!file.size) return Promise.resolve("empty");
    if (file.size > most) return Promise.resolve("tooLarge");
    return file.slice(0, 12).arrayBuffer().then(function (buffer) {
      var bytes = Array.from(new Uint8Array(buffer)), text = String.fromCharCode.apply(null, bytes);
      var isPicture = text.slice(0, 3) === "\xff\xd8\xff" || text.slice(0, 4) === "\x89PNG" || (text.slice(0, 4) === "RIFF" && text.slice(8) === "WEBP");
      return isPicture ? "" : "noPicture";
    }).catch(function () { return ""; });
  }

  function setUp(field) {
    var input = field.querySelector("[data-photo-input]"), take = field.querySelector("[data-photo-take]"), list = field.querySelector("[data-photo-chosen]"),
      hidden = field.querySelector("[data-photo-uuid]"), status = field.querySelector("[data-photo-status]"), lost = field.querySelector("[data-photo-lost]"), chosen = [], busy = 0, form = input.form, isOne = !input.multiple;
    var name = hidden.name, isRequired = input.required;
    function say(text) { status.textContent = text; }
    function sent() { return chosen.filter(function (one) { return !one.refusal; }); }
    /* What cannot be shown: its name and why, in place of a broken picture. */
    function tile(one, why) {
      var made = field.querySelector("[data-photo-tile]").content.cloneNode(true);
      made.querySelector("[data-photo-name]").textContent = one.file.name;
      made.querySelector("[data-photo-why]").textContent = field.dataset[why];
      return made;
    }
    function picture(one, item) {
      var image = document.createElement("img");
      /* Its first bytes are a picture's: it is sent, the server has the last word. */
      image.addEventListener("error", function () { item.className = "is-wrong"; image.replaceWith(tile(one, "damaged")); });
      image.src = one.url; image.alt = one.file.name;
      return image;
    }
    function show() {
      var carried = new DataTransfer(), good = sent();
      good.forEach(function (one) { carried.items.add(one.file); });
      input.files = carried.files;
      input.required = isRequired && !good.length;
      Array.prototype.slice.call(field.querySelectorAll("[data-photo-own]")).forEach(function (old) { old.remove(); });
      hidden.disabled = good.length > 0;
      list.textContent = "";
      if (lost && chosen.length) { lost.remove(); lost = null; }
      chosen.forEach(function (one, at) {
        var own = document.createElement("input"), item = document.createElement("li"), button = document.createElement("button"), cross = document.createElement("span");
        if (!one.refusal) { own.type = "hidden"; own.name = name; own.value = one.uuid; own.setAttribute("data-photo-own", ""); field.appendChild(own); }
        if (one.refusal) item.className = "is-wrong";
        button.type = "button"; button.setAttribute("aria-label", field.dataset.remove); cross.textContent = "×"; cross.setAttribute("aria-hidden", "true");
        button.appendChild(cross);
        button.addEventListener("click", function () { URL.revokeObjectURL(one.url); chosen.splice(at, 1); show(); changed(); });
        item.appendChild(one.refusal ? tile(one, one.refusal) : picture(one, item)); item.appendChild(button); list.appendChild(item);
      });
      var size = good.reduce(function (sum, one) { return sum + one.file.size; }, 0);
      say(size ? "\u2066" + Math.max(1, Math.round(size / 1024)) + " KB\u2069" : "");
    }
    function changed() { field.dispatchEvent(new CustomEvent("portal:photos", { bubbles: true, detail: { count: sent().length } })); }
    function add(files) {
      var wanted = Array.prototype.slice.call(files);
      if (!wanted.length) { show(); return; }
      if (isOne) { chosen.forEach(function (one) { URL.revokeObjectURL(one.url); }); chosen = []; wanted = wanted.slice(0, 1); }
      var isTooMany = chosen.length + wanted.length > MOST;
      if (isTooMany) wanted = wanted.slice(0, MOST - chosen.length);
      busy += 1; field.setAttribute("aria-busy", "true");
      /* One after the other: several large pictures at once are more than a cheap phone holds. */
      wanted.reduce(function (before, file) {
        return before.then(function () { return shrink(file); }).then(function (small) {
          return refusal(small, Number(field.dataset.most)).then(function (why) { chosen.push({ file: small, uuid: uuid(), url: URL.createObjectURL(small), refusal: why }); });
        });
      }, Promise.resolve()).then(function () {
        busy -= 1; field.removeAttribute("aria-busy"); show(); changed();
        var refused = chosen.filter(function (one) { return one.refusal; }).map(function (one) { return one.file.name + ": " + field.dataset[one.refusal]; });
        if (isTooMany) refused.unshift(field.dataset.tooMany);
        if (refused.length) say(refused.concat(status.textContent || []).join(" · "));
        if (!busy && field.waiting) { var button = field.waiting; field.waiting = null; form.requestSubmit(button.form === form ? button : undefined); }
      });
    }
    if (!window.DataTransfer) return;
    field.classList.add("is-ready");
    if (window.matchMedia("(pointer: coarse)").matches) field.querySelector("[data-photo-camera]").hidden = false;
    input.addEventListener("change", function () { add(input.files); });
    take.addEventListener("change", function () { add(take.files); take.value = ""; });
    /* Sent while a photo is still being made smaller: wait for it. */
    form.addEventListener("submit", function (event) {
      if (!busy) return;
      event.preventDefault(); event.stopImmediatePropagation();
      field.waiting = event.submitter || form;
    }, true);
  }
  Array.prototype.slice.call(document.querySelectorAll("[data-photo-field]")).forEach(setUp);
  window.portalPhotos = { setUp: setUp, shrink: shrink };
})();
