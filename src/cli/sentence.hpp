// SPDX-License-Identifier: MIT
#pragma once

#include "core/sentence.hpp"

namespace aperto::cli {

using aperto::counted;
using aperto::sentence;

}  // namespace aperto::cli
