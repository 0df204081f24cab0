// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/stream.hpp"

#include <system_error>

namespace aperto::detail {

/// An awaiter of a stream that gives its failure as a value: for the library's own waits, since what a peer
/// can do at will must not cost an exception.
template <class Awaiter>
class quietly : public Awaiter {
public:
    using Awaiter::Awaiter;
    std::error_code await_resume() { return this->outcome(); }
};

}  // namespace aperto::detail
