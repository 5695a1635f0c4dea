#include "jit/runtime/attribute_code.h"

#include "jit/runtime/near_table.h"
#include "jit/runtime/sequences.h"
#include "jit/runtime/shared_code.h"
#include "jit/runtime/site.h"
#include "jit/runtime/thunks.h"

namespace whipsnake {

namespace {

namespace offset = port::offset;

constexpr Reg kOwner = Reg::kArg1;
constexpr Reg kValue = Reg::kArg2;  // to be stored
constexpr Reg kHome = Reg::kArg2;   // where the results of a load go
constexpr Reg kCache = Reg::kT2;
constexpr int32_t kWord = sizeof(PyObject*);

Mem cache(size_t field) { return Mem::at(kCache, static_cast<int32_t>(field)); }

// A description: the site's own, or a shared one in kArg3.
struct EntryRef {
  Reg base;
  int32_t first;
  Mem at(size_t field) const { return Mem::at(base, first + static_cast<int32_t>(field)); }
};
constexpr EntryRef kOwn{kCache, offsetof(AttrCache, entry)};
constexpr EntryRef kShared{Reg::kArg3, 0};

// The last reference to `dead` is gone, at the site of `cache`.
void die(Frame* frame, const AttrCache* at, PyObject* dead) {
  port::set_instruction(frame, static_cast<int>(at->site->instruction));
  _Py_Dealloc(dead);
}

PyObject* die_and_return(PyThreadState*, Frame* frame, const AttrCache* at, PyObject* dead, PyObject* result) {
  die(frame, at, dead);
  return result;
}

PyObject* die_and_release(PyThreadState*, Frame* frame, const AttrCache* at, PyObject* dead, PyObject* owner) {
  die(frame, at, dead);
  Py_DECREF(owner);
  return nullptr;
}

// What the pieces are made of. kT0, kT1, kArg3 and kRet are free.
class Access {
 public:
  Access(Masm& masm, AttrKind kind, Shadow shadow, bool owns_owner)
      : masm_(masm), kind_(kind), shadow_(shadow), owns_owner_(owns_owner) {}

  void emit_load() {
    find([this](const EntryRef& entry) { value(entry); });
    sequences::incref(masm_, Reg::kRet, Reg::kT0);
    release_owner_and_return();
    emit_slow();
  }

  void emit_load_method() {
    find([this](const EntryRef& entry) { value(entry); });
    sequences::incref(masm_, Reg::kRet, Reg::kT0);
    masm_.store(Mem::at(kHome), Reg::kRet);
    if (kind_ == AttrKind::kMethod) {
      if (!owns_owner_) sequences::incref(masm_, kOwner, Reg::kT0);
      masm_.store(Mem::at(kHome, kWord), kOwner);
      masm_.ret();
    } else {
      masm_.store_imm(Mem::at(kHome, kWord), 0);
      release_owner_and_return();
    }
    emit_slow();
  }

  void emit_store(bool owns_value) {
    const Label stored = masm_.new_label();
    const Label added = masm_.new_label();
    const Label old_dies = masm_.new_label();
    find([this](const EntryRef& entry) { masm_.load32_signed(Reg::kT0, entry.at(offsetof(AttrEntry, offset))); });
    if (kind_ == AttrKind::kInlineValue) {
      guard_inline_values();
      masm_.cmp(Mem::at(kOwner, offset::kManagedDict), 0);
      masm_.jump_if(Cond::kNotEqual, slow_);
    }
    if (!owns_value) sequences::incref(masm_, kValue, Reg::kT1);
    masm_.add(Reg::kT0, kOwner);
    masm_.load(Reg::kT1, Mem::at(Reg::kT0));
    masm_.store(Mem::at(Reg::kT0), kValue);
    masm_.test(Reg::kT1, Reg::kT1);
    masm_.jump_if(Cond::kEqual, kind_ == AttrKind::kInlineValue ? added : stored);
    sequences::decref(masm_, Reg::kT1, old_dies);
    masm_.bind(stored);
    masm_.mov_imm(Reg::kRet, 1);
    release_owner_and_return();
    masm_.bind(old_dies);
    if (owns_owner_)
      go_to_die(&die_and_release, Reg::kT1, kOwner);
    else
      go_to_die(&die_and_return, Reg::kT1, Reg::kRet);
    if (kind_ == AttrKind::kInlineValue) {
      // 3.13 Include/internal/pycore_dict.h, _PyDictValues_AddToInsertionOrder: the order is kept behind the values.
      masm_.bind(added);
      masm_.sub(Reg::kT0, kOwner);
      masm_.sub(Reg::kT0, offset::kInlineValuesItems);
      masm_.shr(Reg::kT0, 3);  // the attribute's index
      masm_.load8(Reg::kT1, Mem::at(kOwner, offset::kInlineValuesCapacity));
      masm_.load8(Reg::kRet, Mem::at(kOwner, offset::kInlineValuesSize));
      masm_.lea(Reg::kT1, Mem::indexed(kOwner, Reg::kT1, 8, offset::kInlineValuesItems));
      masm_.store8(Mem::indexed(Reg::kT1, Reg::kRet, 1), Reg::kT0);
      masm_.add(Reg::kRet, 1);
      masm_.store8(Mem::at(kOwner, offset::kInlineValuesSize), Reg::kRet);
      masm_.jump(stored);
    }
    emit_slow();
  }

 private:
  // Runs `by_entry` with the description of the owner's type, and kT0 = the type (kOfType: the metatype).
  template <typename ByEntry>
  void find(ByEntry by_entry) {
    const bool shares = kind_ != AttrKind::kModule;
    const Label others = shares ? masm_.new_label() : slow_;
    const Label found = masm_.new_label();
    load_version();
    masm_.cmp32(Reg::kT1, kOwn.at(offsetof(AttrEntry, version)));
    masm_.jump_if(Cond::kNotEqual, others);
    by_entry(kOwn);
    masm_.bind(found);
    if (shares)
      others_ = [this, by_entry, others, found] {
        masm_.bind(others);
        find_shared();
        by_entry(kShared);
        masm_.jump(found);
      };
  }

  // kT1 = the version that descriptions of the owner are known by; kT0 = its type, or for kOfType its metatype.
  void load_version() {
    masm_.load(Reg::kT0, Mem::at(kOwner, offset::kType));
    if (kind_ != AttrKind::kOfType) {
      masm_.load32(Reg::kT1, Mem::at(Reg::kT0, offset::kTypeVersion));
      return;
    }
    masm_.load32(Reg::kT1, Mem::at(Reg::kT0, offset::kTypeFlags));
    masm_.test(Reg::kT1, static_cast<int32_t>(Py_TPFLAGS_TYPE_SUBCLASS));
    masm_.jump_if(Cond::kEqual, slow_);
    masm_.load32(Reg::kT1, Mem::at(kOwner, offset::kTypeVersion));
  }

  // kArg3 = the shared entry for the version in kT1, of the kind that the site serves.
  void find_shared() {
    masm_.load32(Reg::kArg3, cache(offsetof(AttrCache, id_hash)));
    masm_.add32(Reg::kArg3, Reg::kT1);
    masm_.and_(Reg::kArg3, static_cast<int32_t>(kSharedEntries - 1));
    static_assert(sizeof(AttrEntry) == 5 * 8);
    masm_.lea(Reg::kArg3, Mem::indexed(Reg::kArg3, Reg::kArg3, 4));
    masm_.mov_ptr(Reg::kRet, shared_entries);
    masm_.lea(Reg::kArg3, Mem::indexed(Reg::kRet, Reg::kArg3, 8));
    masm_.cmp32(Reg::kT1, kShared.at(offsetof(AttrEntry, version)));
    masm_.jump_if(Cond::kNotEqual, slow_);
    masm_.load32(Reg::kT1, cache(offsetof(AttrCache, id)));
    masm_.cmp32(Reg::kT1, kShared.at(offsetof(AttrEntry, id)));
    masm_.jump_if(Cond::kNotEqual, slow_);
    masm_.cmp8(kShared.at(offsetof(AttrEntry, kind)), static_cast<int8_t>(kind_));
    masm_.jump_if(Cond::kNotEqual, slow_);
    if (kind_ == AttrKind::kMethod || kind_ == AttrKind::kTypeValue) {
      masm_.cmp8(kShared.at(offsetof(AttrEntry, shadow)), static_cast<int8_t>(shadow_));
      masm_.jump_if(Cond::kNotEqual, slow_);
    }
    masm_.cmp32(kShared.at(offsetof(AttrEntry, value_version)), 0);
    masm_.jump_if(Cond::kNotEqual, slow_);
  }

  // kRet = the attribute, borrowed.
  void value(const EntryRef& entry) {
    switch (kind_) {
      case AttrKind::kInlineValue:
        guard_inline_values();
        [[fallthrough]];
      case AttrKind::kSlot:
        masm_.load32_signed(Reg::kT1, entry.at(offsetof(AttrEntry, offset)));
        masm_.load(Reg::kRet, Mem::indexed(kOwner, Reg::kT1, 1));
        break;
      case AttrKind::kHintedDict:
        hinted_value(entry);
        break;
      case AttrKind::kModule:
        masm_.load(Reg::kT0, Mem::at(kOwner, offset::kModuleDict));
        masm_.load(Reg::kT0, Mem::at(Reg::kT0, offset::kDictKeys));
        masm_.load32(Reg::kT1, Mem::at(Reg::kT0, offset::kDictKeysVersion));
        masm_.cmp32(Reg::kT1, entry.at(offsetof(AttrEntry, keys)));
        masm_.jump_if(Cond::kNotEqual, slow_);
        masm_.load32_signed(Reg::kT1, entry.at(offsetof(AttrEntry, offset)));
        masm_.load(Reg::kRet, Mem::indexed(Reg::kT0, Reg::kT1, 1));
        break;
      case AttrKind::kOfType:
        masm_.load32(Reg::kT0, Mem::at(Reg::kT0, offset::kTypeVersion));
        masm_.cmp32(Reg::kT0, entry.at(offsetof(AttrEntry, keys)));
        masm_.jump_if(Cond::kNotEqual, slow_);
        masm_.load(Reg::kRet, entry.at(offsetof(AttrEntry, value)));
        return;
      default:
        guard_not_shadowed(entry);
        masm_.load(Reg::kRet, entry.at(offsetof(AttrEntry, value)));
        return;
    }
    masm_.test(Reg::kRet, Reg::kRet);
    masm_.jump_if(Cond::kEqual, slow_);
  }

  void guard_inline_values() {
    masm_.cmp8(Mem::at(kOwner, offset::kInlineValuesValid), 0);
    masm_.jump_if(Cond::kEqual, slow_);
  }

  // The instance has no attribute of its own in front of the type's. kT0 holds its type and is lost.
  void guard_not_shadowed(const EntryRef& entry) {
    if (shadow_ == Shadow::kSharedKeys) {
      guard_inline_values();
      masm_.load(Reg::kT0, Mem::at(Reg::kT0, offset::kHeapTypeCachedKeys));
      masm_.load(Reg::kT0, Mem::at(Reg::kT0, offset::kDictKeysEntries));
      masm_.cmp32(Reg::kT0, entry.at(offsetof(AttrEntry, keys)));
      masm_.jump_if(Cond::kNotEqual, slow_);
    } else if (shadow_ == Shadow::kNoDict) {
      masm_.load32_signed(Reg::kT0, entry.at(offsetof(AttrEntry, dict_offset)));
      masm_.cmp(Mem::indexed(kOwner, Reg::kT0, 1), 0);
      masm_.jump_if(Cond::kNotEqual, slow_);
    }
  }

  // The value at the hinted entry of the instance's dictionary, which has to be for the site's name.
  void hinted_value(const EntryRef& entry) {
    masm_.load32_signed(Reg::kT0, entry.at(offsetof(AttrEntry, dict_offset)));
    masm_.load16(Reg::kT1, entry.at(offsetof(AttrEntry, hint)));
    masm_.load(Reg::kT0, Mem::indexed(kOwner, Reg::kT0, 1));
    masm_.test(Reg::kT0, Reg::kT0);
    masm_.jump_if(Cond::kEqual, slow_);
    masm_.load(Reg::kT0, Mem::at(Reg::kT0, offset::kDictKeys));
    masm_.cmp8(Mem::at(Reg::kT0, offset::kDictKeysKind), DICT_KEYS_UNICODE);
    masm_.jump_if(Cond::kNotEqual, slow_);
    masm_.cmp(Reg::kT1, Mem::at(Reg::kT0, offset::kDictKeysEntries));
    masm_.jump_if(Cond::kAboveEqual, slow_);
    // The entries follow the table of indices.
    masm_.load8(Reg::kArg3, Mem::at(Reg::kT0, offset::kDictKeysLog2IndexBytes));
    masm_.mov_imm(Reg::kRet, 1);
    masm_.shl(Reg::kRet, Reg::kArg3);
    masm_.add(Reg::kT0, Reg::kRet);
    static_assert(sizeof(PyDictUnicodeEntry) == 16);
    masm_.shl(Reg::kT1, 4);
    masm_.add(Reg::kT0, Reg::kT1);
    masm_.load(Reg::kT1, Mem::at(Reg::kT0, offset::kDictKeysIndices + offset::kDictEntryKey));
    masm_.cmp(Reg::kT1, cache(offsetof(AttrCache, name)));
    masm_.jump_if(Cond::kNotEqual, slow_);
    masm_.load(Reg::kRet, Mem::at(Reg::kT0, offset::kDictKeysIndices + offset::kDictEntryValue));
  }

  void release_owner_and_return() {
    const Label dead = masm_.new_label();
    if (owns_owner_) sequences::decref(masm_, kOwner, dead);
    masm_.ret();
    if (!owns_owner_) return;
    masm_.bind(dead);
    go_to_die(&die_and_return, kOwner, Reg::kRet);
  }

  // A tail call of function(thread, frame, cache, dead, last).
  void go_to_die(PyObject* (*function)(PyThreadState*, Frame*, const AttrCache*, PyObject*, PyObject*), Reg dead,
                 Reg last) {
    masm_.mov(Reg::kArg3, dead);
    masm_.mov(Reg::kArg4, last);
    masm_.mov(Reg::kArg2, kCache);
    masm_.mov(Reg::kArg1, Reg::kFrame);
    masm_.mov(Reg::kArg0, Reg::kThread);
    masm_.jump_mem(near_constant(address_of(function)));
  }

  // The site's slow path does it all, and returns to the site or goes to the handler.
  void emit_slow() {
    if (others_) others_();
    masm_.bind(slow_);
    masm_.load(Reg::kT0, cache(offsetof(AttrCache, site)));
    masm_.jump_code(thunks.slow);
  }

  Masm& masm_;
  AttrKind kind_;
  Shadow shadow_;
  bool owns_owner_;
  Label slow_ = masm_.new_label();
  std::function<void()> others_;
};

uint32_t variant_of(AttrKind kind, Shadow shadow, bool first, bool second) {
  return static_cast<uint32_t>(kind) << 8 | static_cast<uint32_t>(shadow) << 2 | (first ? 2u : 0u) | (second ? 1u : 0u);
}

}  // namespace

const uint8_t* load_attr_code(AttrKind kind, Shadow shadow, bool owns_owner) {
  return shared_code(SharedCode::kLoadAttr, variant_of(kind, shadow, owns_owner, false),
                     [&](Masm& masm) { Access(masm, kind, shadow, owns_owner).emit_load(); });
}

const uint8_t* load_method_code(AttrKind kind, Shadow shadow, bool owns_owner) {
  return shared_code(SharedCode::kLoadAttr, variant_of(kind, shadow, owns_owner, true),
                     [&](Masm& masm) { Access(masm, kind, shadow, owns_owner).emit_load_method(); });
}

const uint8_t* store_attr_code(AttrKind kind, bool owns_owner, bool owns_value) {
  return shared_code(SharedCode::kStoreAttr, variant_of(kind, Shadow::kNever, owns_owner, owns_value),
                     [&](Masm& masm) { Access(masm, kind, Shadow::kNever, owns_owner).emit_store(owns_value); });
}

}  // namespace whipsnake
