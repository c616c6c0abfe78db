unit_test(app lines)
unit_test(app output)
