/* The form of a visit: where the phone is, its clock, and which fields belong to the outcome. Without it the form works. */
(function () {
  "use strict";
  var form = document.querySelector("[data-visit-form]");
  if (!form) return;
  function field(name) { return form.querySelector("[data-" + name + "]"); }

  /* A promise has a day; nothing else has. */
  var promise = form.querySelector("[data-promise]");
  function outcome() { var ticked = form.querySelector("input[name=outcome]:checked"); return ticked ? ticked.value : ""; }
  function fit() { if (promise) promise.hidden = outcome() !== promise.dataset.promise; }
  form.addEventListener("change", fit);
  form.addEventListener("portal:draft", fit);
  fit();
  var active = document.querySelector(".type-chips .is-active");
  if (active) active.scrollIntoView({ block: "nearest", inline: "nearest" });

  /* The position: the best of what comes within half a minute. Saving never waits for it. */
  var line = form.querySelector("[data-position-line]"), text = form.querySelector("[data-position-text]"), again = form.querySelector("[data-position-again]"), watch = null, timer = null, best = Infinity;
  function say(words, state) { text.textContent = words; line.classList.toggle("is-found", state === "found"); line.classList.toggle("is-missing", state === "missing"); again.hidden = state !== "missing"; }
  function stop() { if (watch !== null) navigator.geolocation.clearWatch(watch); watch = null; clearTimeout(timer); }
  function take(position) {
    var at = position.coords;
    if (!(at.accuracy <= best)) return;
    best = at.accuracy;
    field("lat").value = at.latitude; field("lon").value = at.longitude; field("accuracy").value = Math.round(at.accuracy);
    field("mock").value = position.mocked || at.mocked || at.isFromMockProvider ? "1" : "";
    say(form.dataset.found.replace("{metres}", Math.round(at.accuracy)), "found");
    if (at.accuracy <= 15) stop();
  }
  function ask() {
    if (!navigator.geolocation || !window.isSecureContext) { say(form.dataset.none, "missing"); again.hidden = true; return; }
    say(form.dataset.finding, "");
    watch = navigator.geolocation.watchPosition(take, function (error) {
      if (best < Infinity) return;
      stop();
      say(error.code === 1 ? form.dataset.refused : form.dataset.slow, "missing");
    }, { enableHighAccuracy: true, timeout: 25000, maximumAge: 0 });
    timer = setTimeout(function () { stop(); if (best === Infinity) say(form.dataset.slow, "missing"); }, 30000);
  }
  again.addEventListener("click", ask);
  ask();

  /* What every visit needs is asked for here: a form that comes back has lost its photos. */
  function complain(place, words, target) {
    var line = document.createElement("p");
    line.className = "field-error"; line.setAttribute("role", "alert"); line.setAttribute("data-missing", ""); line.textContent = words;
    place.appendChild(line);
    target.focus({ preventScroll: true }); place.scrollIntoView({ block: "center" });
  }
  function hasMissing() {
    var old = form.querySelector("[data-missing]"), day = form.querySelector("input[name=promise_date]");
    if (old) old.remove();
    if (!outcome()) complain(document.getElementById("outcome"), form.dataset.choose, form.querySelector("input[name=outcome]"));
    else if (promise && outcome() === promise.dataset.promise && !day.value) complain(promise, form.dataset.day, day);
    else return false;
    return true;
  }
  form.addEventListener("submit", function (event) { if (hasMissing()) { event.preventDefault(); event.stopImmediatePropagation(); } }, true);
  form.addEventListener("change", function () { var old = form.querySelector("[data-missing]"); if (old) old.remove(); });

  /* The clock of the phone at the moment of saving; when it is sent again, the first moment stays. */
  form.addEventListener("submit", function () { var at = field("device-at"); if (!at.value) at.value = new Date().toISOString(); });
})();
