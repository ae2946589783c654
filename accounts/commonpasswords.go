package accounts

func isCommon(string) bool { return false }
