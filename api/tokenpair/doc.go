// Package tokenpair speaks the HTTP contract of djangorestframework-simplejwt: username and password
// in, an access and a refresh token out. A front-end written for that package changes only its base
// URL. What is asked is decided by accounts and issuer; this package reads and writes.
package tokenpair
