// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

namespace aperto::lab {

/// A process of its own session, which the terminal's signals do not reach. It makes the folder that both
/// sides see and tells its name on `control`; starts the kernel at the first byte that comes on `life`; and
/// when that line ends, because this program let go of it or has ended, however it did, ends the kernel and
/// removes the folder.
/// `image`: the kernel's file; `seed`: of all its randomness. Does not return.
[[noreturn]] void be_janitor(const std::string& image, std::uint64_t seed, int life, int control);

}  // namespace aperto::lab
