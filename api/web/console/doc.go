// Package console owns the pages at /admin, where administrators see and change what the provider holds. It reads
// what a browser sends, asks the domain, and shows what came of it; whether somebody may is for the domain to say,
// and the pages leave out what one may not. Its look, words and policy are those of api/web.
package console
