// SPDX-License-Identifier: MIT
#pragma once

#include "tls/handles.hpp"

namespace aperto::tls {

class session;

/// A BIO over the bytes that a session has at hand; null without the memory for it.
BIO* new_bytes_bio(session& of) noexcept;

}  // namespace aperto::tls
