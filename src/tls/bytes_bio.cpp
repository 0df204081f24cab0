// SPDX-License-Identifier: MIT
#include "tls/bytes_bio.hpp"

#include "tls/session.hpp"

namespace aperto::tls {
namespace {

session& session_of(BIO* bytes) noexcept { return *static_cast<session*>(BIO_get_data(bytes)); }

int read_bytes(BIO* from, char* into, int size) {
    BIO_clear_retry_flags(from);
    const int got = session_of(from).read_arrived(into, size);
    if (got < 0) BIO_set_retry_read(from);  // later, perhaps
    return got;
}

int write_bytes(BIO* to, const char* data, int size) {
    BIO_clear_retry_flags(to);
    return session_of(to).write_out(data, size);
}

long control(BIO*, int what, long, void*) { return what == BIO_CTRL_FLUSH ? 1 : 0; }

BIO_METHOD* make_method() noexcept {
    BIO_METHOD* const made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "aperto");
    if (!made) return nullptr;
    BIO_meth_set_read(made, &read_bytes);
    BIO_meth_set_write(made, &write_bytes);
    BIO_meth_set_ctrl(made, &control);
    return made;
}

}  // namespace

BIO* new_bytes_bio(session& of) noexcept {
    static BIO_METHOD* const method = make_method();
    BIO* const made = method ? BIO_new(method) : nullptr;
    if (!made) return nullptr;
    BIO_set_data(made, &of);
    BIO_set_init(made, 1);
    return made;
}

}  // namespace aperto::tls
