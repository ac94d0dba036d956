#include "runtime/linux/errors.h"

namespace squall::runtime {

IoError io_error_of(int error) {
  switch (error) {
    case ENOENT: return IoError::not_found;
    case EEXIST: return IoError::already_exists;
    case EACCES:
    case EPERM: return IoError::access_denied;
    case EROFS: return IoError::read_only;
    case ENOSPC:
    case EDQUOT: return IoError::no_space;
    case ENOTEMPTY: return IoError::not_empty;
    case ENOTDIR: return IoError::not_a_directory;
    case EISDIR: return IoError::is_a_directory;
    case EMFILE:
    case ENFILE: return IoError::too_many_open;
    case EINVAL:
    case ENAMETOOLONG:
    case EFBIG:
    case ELOOP:
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT: return IoError::invalid_argument;
    case ECONNREFUSED: return IoError::connection_refused;
    case ECONNRESET:
    case ECONNABORTED:
    case ENOTCONN:
    case EPIPE: return IoError::connection_reset;
    case ENETUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
    case EHOSTUNREACH: return IoError::unreachable;
    case EADDRINUSE: return IoError::address_in_use;
    case ETIMEDOUT: return IoError::timed_out;
    default: return IoError::io_failure;
  }
}

}  // namespace squall::runtime
