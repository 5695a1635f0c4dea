// Which sanitizer this is compiled with: GCC defines a macro for each, Clang has a feature.
#pragma once

#ifdef __has_feature
#define WHIPSNAKE_HAS_FEATURE(name) __has_feature(name)
#else
#define WHIPSNAKE_HAS_FEATURE(name) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || WHIPSNAKE_HAS_FEATURE(address_sanitizer)
#define WHIPSNAKE_ADDRESS_SANITIZER 1
#else
#define WHIPSNAKE_ADDRESS_SANITIZER 0
#endif

#if defined(__SANITIZE_THREAD__) || WHIPSNAKE_HAS_FEATURE(thread_sanitizer)
#define WHIPSNAKE_THREAD_SANITIZER 1
#else
#define WHIPSNAKE_THREAD_SANITIZER 0
#endif
