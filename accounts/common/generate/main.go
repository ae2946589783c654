// The program generate makes the list of package common from lists that others keep:
//
//	go run ./accounts/common/generate --django common-passwords.txt.gz --zxcvbn passwords.json --out accounts/common/common.bin
//
// docs/dependencies.md says where they come from.
package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"unicode/utf8"

	"keyturn/accounts"
	"keyturn/accounts/common"
)

func main() {
	django := flag.String("django", "", "common-passwords.txt.gz of Django")
	zxcvbn := flag.String("zxcvbn", "", "passwords.json of @zxcvbn-ts/language-common")
	out := flag.String("out", "", "file to write")
	flag.Parse()
	if err := generate(*django, *zxcvbn, *out); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func generate(django, zxcvbn, out string) error {
	lines, err := readLines(django)
	if err != nil {
		return err
	}
	more, err := readJSON(zxcvbn)
	if err != nil {
		return err
	}
	var words []string
	for _, word := range append(lines, more...) {
		if folded := accounts.Fold(word); utf8.RuneCountInString(folded) >= common.ShortestWord {
			words = append(words, folded)
		}
	}
	return os.WriteFile(out, common.Encode(words), 0o644)
}

func readLines(path string) ([]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var lines []string
	scanner := bufio.NewScanner(unzipped)
	for scanner.Scan() {
		lines = append(lines, scanner.Text())
	}
	return lines, scanner.Err()
}

func readJSON(path string) (words []string, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &words); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return words, nil
}
