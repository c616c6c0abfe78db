add_executable(fuzz_cel fuzz/fuzz_cel.c)
target_link_libraries(fuzz_cel PRIVATE engine)
target_compile_options(fuzz_cel PRIVATE -fsanitize=fuzzer)
target_link_options(fuzz_cel PRIVATE -fsanitize=fuzzer)
