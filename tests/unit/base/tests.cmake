unit_test(base heap)
unit_test(base hmap)
unit_test(base parse)
unit_test(base str)
