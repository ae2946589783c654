// Package web is the pages that people see.
package web
