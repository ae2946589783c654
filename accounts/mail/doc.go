// Package mail sends the letters that accounts queues: it knows their texts, takes them from the queue one by
// one, makes the secret of a one-time link when its letter leaves, and hands the message to a mail server. It
// leaves what a letter tells of to accounts, and the queue itself to storage.
package mail
