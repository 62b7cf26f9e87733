module sonde.test/lookup

go 1.26
