// Package web owns the pages that people see: sign-in, consent, account, logout and their errors. Pages
// renders them from embedded templates, texts in several languages and one stylesheet, and works without
// script; the handlers read what a browser sends, ask issuer/oauth or accounts, and pass the answer on. It
// decides no rule of the protocol and keeps nothing but cookies.
package web
