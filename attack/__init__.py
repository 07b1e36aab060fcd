"""sqlmap and wapiti against a portal of their own on loopback, signed in as each role: see docs/security.md."""
