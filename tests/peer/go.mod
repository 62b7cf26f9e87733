module sonde.invalid/peer

go 1.24
