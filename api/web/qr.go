package web

import (
	"fmt"
	"strings"

	"rsc.io/qr"
)

// qrCode is a QR code as an SVG draws it: Size modules each way, the quiet zone among them, and the dark ones as
// the data of one path.
type qrCode struct {
	Size int
	Path string
}

// quietZone is what a QR code keeps clear around it, in modules (ISO/IEC 18004 section 5.3.8).
const quietZone = 4

func drawQR(text string) (qrCode, error) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return qrCode{}, fmt.Errorf("draw QR code: %w", err)
	}
	var path strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			from := x
			for x < code.Size && code.Black(x, y) {
				x++
			}
			if x > from {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", from+quietZone, y+quietZone, x-from, x-from)
			}
		}
	}
	return qrCode{code.Size + 2*quietZone, path.String()}, nil
}
