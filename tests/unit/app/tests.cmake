unit_test(app lines)
unit_test(app output)
# unit_test(app MODULE), one line each
unit_test(app check)
