// What a fuzz target is: one function that takes any bytes. libFuzzer drives it (option `fuzz`, clang); in every build
// replay_main.cc drives it over the corpus and over seeded mutations of it.
//
// A target must return whatever it is given: an assert, a sanitizer's report or a time-out is the finding.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
