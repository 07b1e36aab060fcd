/* The last script of a dashboard: starts Dash. A file, because an inline script would run before the deferred ones. */
window.portalStartDash();
