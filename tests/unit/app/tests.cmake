# unit_test(app MODULE), one line each
unit_test(app check)
