/* The session's end: a warning before it, and what was typed is there again afterwards.
 *
 * Drafts of forms lie in this tab's storage, encrypted with a key that only pages of the signed-in person carry: after
 * the session nobody can read them but the same person, signed in again. No passwords, hidden
 * fields, files, nor typed confirmations.
 */
(function () {
  "use strict";
  var body = document.body, portal = window.portal, words = body.dataset;
  var SENT = "draft-sent", PREFIX = "draft:", DAY = 24 * 3600 * 1000;
  var store = { get: function (name) { try { return sessionStorage.getItem(name); } catch (e) { return null; } },
    set: function (name, value) { try { sessionStorage.setItem(name, value); } catch (e) { /* private mode, or full */ } },
    remove: function (name) { try { sessionStorage.removeItem(name); } catch (e) { /* private mode */ } },
    names: function () { try { return Object.keys(sessionStorage).filter(function (name) { return name.indexOf(PREFIX) === 0; }); } catch (e) { return []; } } };
  function all(selector, scope) { return Array.prototype.slice.call((scope || document).querySelectorAll(selector)); }

  all("[data-print]").forEach(function (button) { button.addEventListener("click", function () { window.print(); }); });

  /* The login page: a form that was sent too late was not taken. Its draft stays, and leads back to its page. */
  if (document.querySelector("[data-signed-out]")) {
    var late = store.get(SENT), next = document.querySelector("[data-signed-out] input[name=next]");
    if (late && next && !next.value) next.value = late.split(" ")[1] || "";
    store.remove(SENT);
    return;
  }
  if (!words.draftOwner) return;

  /* --- Keeping --------------------------------------------------------------------------------------------------- */
  var mine = PREFIX + words.draftOwner + " ", subtle = window.crypto && window.crypto.subtle, cryptoKey = null;
  function bytes(text) { return Uint8Array.from(atob(text), function (c) { return c.charCodeAt(0); }); }
  function base64(buffer) { return btoa(String.fromCharCode.apply(null, new Uint8Array(buffer))); }
  function chunked(buffer) { var parts = [], view = new Uint8Array(buffer), at; for (at = 0; at < view.length; at += 8190) parts.push(base64(view.slice(at, at + 8190))); return parts; }
  function key() { return cryptoKey = cryptoKey || subtle.importKey("raw", bytes(words.draftKey), "AES-GCM", false, ["encrypt", "decrypt"]); }
  /* Without TLS (and not on localhost) browsers offer no encryption; then the line is open as well. */
  function seal(text) {
    if (!subtle) return Promise.resolve({ plain: text });
    var iv = window.crypto.getRandomValues(new Uint8Array(12));
    return key().then(function (k) { return subtle.encrypt({ name: "AES-GCM", iv: iv }, k, new TextEncoder().encode(text)); })
      .then(function (sealed) { return { iv: base64(iv), sealed: chunked(sealed) }; });
  }
  function unseal(kept) {
    if (kept.plain !== undefined) return Promise.resolve(kept.plain);
    if (!subtle) return Promise.reject(new Error("no encryption here"));
    var parts = kept.sealed.map(bytes), whole = new Uint8Array(parts.reduce(function (sum, part) { return sum + part.length; }, 0)), at = 0;
    parts.forEach(function (part) { whole.set(part, at); at += part.length; });
    return key().then(function (k) { return subtle.decrypt({ name: "AES-GCM", iv: bytes(kept.iv) }, k, whole); })
      .then(function (plain) { return new TextDecoder().decode(plain); });
  }

  function fields(form) {
    return all("input, select, textarea", form).filter(function (f) { return f.name && !f.readOnly && !f.disabled && !f.hidden && !/^(hidden|password|file|submit|button|image|reset)$/.test(f.type) && !/^confirm/.test(f.name); });
  }
  function isTick(field) { return field.type === "radio" || field.type === "checkbox"; }
  function read(form) {
    var seen = {}, values = {};
    fields(form).forEach(function (f) {
      var name = isTick(f) ? f.name + "=" + f.value : f.name, n = seen[name] = (seen[name] || 0) + 1;
      values[name + "#" + n] = isTick(f) ? f.checked : f.multiple ? all("option", f).filter(function (o) { return o.selected; }).map(function (o) { return o.value; }) : f.value;
    });
    return values;
  }
  function write(form, values) {
    var seen = {};
    fields(form).forEach(function (f) {
      var name = isTick(f) ? f.name + "=" + f.value : f.name, n = seen[name] = (seen[name] || 0) + 1, value = values[name + "#" + n];
      if (value === undefined) return;
      if (isTick(f)) f.checked = value;
      else if (f.multiple) all("option", f).forEach(function (o) { o.selected = value.indexOf(o.value) >= 0; });
      else f.value = value;
    });
  }
  function version(form) { var field = form.querySelector("input[name=version]"); return field ? field.value : ""; }

  var forms = all("main form").filter(function (form) {
    return form.method === "post" && form.getAttribute("role") !== "search" && !form.hasAttribute("data-no-draft") &&
      !form.querySelector("input[type=password]") && fields(form).length;
  });
  /* A page that answers a POST itself, without leading on, has not taken the form (yet), and holds what was sent. */
  var taken = {}, sent = store.get(SENT), isAnswer = words.answersPost === "1";
  function nameOf(form) {
    var action = new URL(form.getAttribute("action") || location.href, location.href).pathname;
    var name = mine + location.pathname + " " + ((form.dataset.draft || "").replace(/-\d+$/, "") || form.id || action), n = taken[name] = (taken[name] || 0) + 1;
    return n > 1 ? name + " " + n : name;
  }
  /* Set by who signs out: what was typed last, and is being sealed just then, is not kept after him. */
  var isSigningOut = false;
  function keep(form, name) {
    if (isSigningOut) return;
    var values = read(form), files = chosen(form);
    seal(JSON.stringify({ values: values, version: version(form) })).then(function (kept) { if (isSigningOut) return; kept.at = Date.now(); kept.files = files; store.set(name, JSON.stringify(kept)); }, function () { /* nothing kept */ });
  }
  /* Files cannot be kept: where some were chosen, the page says that they have to be chosen again. */
  function fileFields(form) { return all("input[type=file][name]", form); }
  function chosen(form) { return fileFields(form).map(function (field) { return field.files.length; }); }
  function tellFiles(form, kept) {
    var counts = kept && JSON.parse(kept).files || [];
    if (form.hasAttribute("data-files-told")) return;
    fileFields(form).forEach(function (field, at) {
      var place = field.closest("[data-photo-field], .field") || field.parentNode;
      if (!counts[at] || field.files.length || place.querySelector("[data-photo-lost]")) return;
      var notice = document.createElement("p"), folded = field.closest("details");
      notice.className = "notice is-warning"; notice.setAttribute("role", "status");
      notice.textContent = words.draftFiles;
      place.appendChild(notice);
      if (folded) folded.open = true;
      form.addEventListener("change", function () { if (field.files.length) notice.remove(); });
      form.addEventListener("portal:photos", function () { if (field.files.length) notice.remove(); });
    });
  }
  function tell(form, name, isOlder) {
    var notice = document.createElement("div"), button = document.createElement("button");
    notice.className = "notice " + (isOlder ? "is-warning" : "is-info") + " draft-notice";
    notice.setAttribute("role", "status");
    notice.textContent = (isOlder ? words.draftOlder : words.draftBack) + " ";
    button.type = "button"; button.className = "text-button"; button.textContent = words.draftDiscard;
    button.addEventListener("click", function () { store.remove(name);
      if (form.hasAttribute("data-areas")) { body.dataset.leaving = "1"; location.assign(location.pathname); return; }
      form.reset(); form.dataset.changed = ""; notice.remove(); form.dispatchEvent(new Event("change", { bubbles: true })); store.remove(name); });
    notice.appendChild(button);
    form.insertBefore(notice, form.firstChild);
  }
  function restore(form, name) {
    var kept = store.get(name);
    if (!kept) return;
    tellFiles(form, kept);
    kept = JSON.parse(kept);
    unseal(kept).then(function (text) {
      var draft = JSON.parse(text), before = JSON.stringify(read(form));
      write(form, draft.values);
      /* What was ticked deeper in the tree of areas is not on the page: the page's own script fetches it. */
      var now = read(form), isAway = form.hasAttribute("data-areas") && Object.keys(draft.values).some(function (field) { return draft.values[field] === true && now[field] === undefined; });
      if (JSON.stringify(now) === before && !isAway) { store.remove(name); return; }
      form.restored = draft.values;
      form.dataset.changed = form.hasAttribute("data-draft") ? "1" : "";
      form.dispatchEvent(new CustomEvent("portal:draft", { bubbles: true }));
      tell(form, name, draft.version !== version(form));
    }).catch(function () { store.remove(name); });
  }

  store.names().forEach(function (name) {
    var at = 0;
    try { at = JSON.parse(store.get(name)).at; } catch (e) { /* not ours */ }
    if (!(Date.now() - at < DAY)) store.remove(name);
  });
  /* A form that was taken leads on by a redirect. Whoever comes here otherwise has seen his browser's page of errors: no
     network when he sent it. */
  var navigation = window.performance && performance.getEntriesByType && performance.getEntriesByType("navigation")[0];
  if (sent && !isAnswer && !(navigation && navigation.redirectCount === 0)) store.remove(sent);
  store.remove(SENT);
  document.addEventListener("submit", function (event) {
    var form = event.target, before = form.querySelector("[data-offline]"), notice;
    if (before) before.remove();
    if (navigator.onLine !== false || form.method !== "post") return;
    event.preventDefault();
    event.stopImmediatePropagation();
    notice = document.createElement("p");
    notice.className = "notice is-warning"; notice.setAttribute("role", "alert"); notice.setAttribute("data-offline", "");
    notice.textContent = words.offline;
    form.appendChild(notice);
    notice.scrollIntoView({ block: "center" });
  }, true);
  forms.forEach(function (form) {
    var name = nameOf(form), timer = null;
    if (form.hasAttribute("data-draft-done")) store.remove(name);
    else if (isAnswer && name === sent) { tellFiles(form, store.get(name)); keep(form, name); }
    else restore(form, name);
    function note() {
      isSigningOut = false; /* he stayed: his browser asked, and he types on */
      if (form.hasAttribute("data-draft")) form.dataset.changed = "1";
      clearTimeout(timer);
      timer = setTimeout(function () { keep(form, name); }, 150);
    }
    form.addEventListener("input", note);
    form.addEventListener("change", note);
    form.addEventListener("submit", function (event) {
      if (event.defaultPrevented) return;
      clearTimeout(timer);
      form.dataset.changed = "";
      keep(form, name);
      store.set(SENT, name);
    });
  });
  window.addEventListener("beforeunload", function (event) {
    if (all("form[data-changed='1']").length && !body.dataset.leaving) event.preventDefault();
  });
  /* Who signs out himself leaves nothing behind. */
  all("form[action$='/logout']").forEach(function (form) {
    form.addEventListener("submit", function () { isSigningOut = true; store.names().forEach(function (name) { if (name.indexOf(mine) === 0) store.remove(name); }); store.remove(SENT); });
  });

  /* --- The end of the session -------------------------------------------------------------------------------------- */
  /* The server knows when it comes (other tabs may have been used); the page only warns. */
  var idle = Number(words.idleSeconds), dialog = document.getElementById("idle-dialog");
  if (!idle || !dialog || !dialog.showModal) return;
  var warnIdle = Math.min(120, Math.floor(idle / 3)), timer = null, putOff = false;
  var idleEnds = Date.now() + idle * 1000, wholeEnds = Date.now() + Number(words.wholeSeconds) * 1000;
  var warnWhole = 300;
  function secondsTo(end) { return Math.round((end - Date.now()) / 1000); }
  function left() { return Math.min(secondsTo(idleEnds), secondsTo(wholeEnds)); }
  function isWhole() { return wholeEnds <= idleEnds; }
  function untilWarning() { return Math.min(secondsTo(idleEnds) - warnIdle, secondsTo(wholeEnds) - (putOff ? 60 : warnWhole)); }
  function take(state) {
    if (!state) return;
    idleEnds = Date.now() + state.idle_left * 1000;
    wholeEnds = Date.now() + state.whole_left * 1000;
    tick(true);
  }
  function request(options) { return portal.fetch(words.sessionUrl, options).then(function (r) { return r.ok ? r.json() : null; }).then(take); }
  function ask() { request({ headers: { "X-Background": "1" } }).catch(function () { timer = setTimeout(tick, 5000); /* no network: asked again */ }); }
  function tick(fresh) {
    clearTimeout(timer);
    if (untilWarning() > 0) {
      if (dialog.open) dialog.close();
      timer = setTimeout(ask, Math.max(untilWarning() * 1000, 1000));
      return;
    }
    if (left() <= 0) { portal.toLogin(); return; }
    all("[data-idle-only]", dialog).forEach(function (part) { part.hidden = isWhole(); });
    all("[data-whole-only]", dialog).forEach(function (part) { part.hidden = !isWhole(); });
    if (!dialog.open) dialog.showModal();
    all("[data-idle-left]", dialog).forEach(function (part) { part.textContent = Math.floor(left() / 60) + ":" + String(left() % 60).padStart(2, "0"); });
    timer = setTimeout(!fresh && left() % 15 === 0 ? ask : tick, 1000);
  }
  dialog.querySelector("[data-idle-stay]").addEventListener("click", function () { request({ method: "POST" }).catch(function () { /* the next tick asks */ }); });
  dialog.querySelector("[data-whole-later]").addEventListener("click", function () { putOff = true; dialog.close(); tick(true); });
  document.addEventListener("visibilitychange", function () { if (!document.hidden && left() < idle / 2) ask(); });
  tick(true);
})();
