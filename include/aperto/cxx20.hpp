// SPDX-License-Identifier: MIT
#pragma once

/// Says in one sentence what a compiler that is set to an older language would say in hundreds. Every public
/// header includes it, itself or through another, before anything of C++20 comes.
#if __cplusplus < 202002L
#error "aperto needs C++20: compile with -std=c++20, or in CMake set CMAKE_CXX_STANDARD to 20"
#endif
