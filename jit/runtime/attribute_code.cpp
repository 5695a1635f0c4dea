#include "jit/runtime/attribute_code.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "jit/asm/code_heap.h"
#include "jit/runtime/calls.h"
#include "jit/runtime/exits.h"
#include "jit/runtime/near_table.h"
#include "jit/runtime/numbers.h"
#include "jit/runtime/records.h"
#include "jit/runtime/sequences.h"
#include "jit/runtime/shared_code.h"
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
  dealloc(dead);
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

// The helper at a site that borrows nothing below its operands; owner and value are the caller's to give. It may be the
// site's slow path, which is counted, or what its entry asks for. Null: the site has failed.
enum class Way : uint8_t { kSlow, kByEntry };
using Helper = PyObject*(PyThreadState*, Frame*, PyObject* owner, AttrCache*, PyObject* value);
template <OpHelper kHelper, Way kWay, bool kOwnsOwner, bool kOwnsValue>
PyObject* at_site(PyThreadState* ts, Frame* frame, PyObject* owner, AttrCache* at, PyObject* value) {
  const Site* site = at->site;
  PyObject** top = port::stack_base(frame) + site->depth;
  top[-1] = kOwnsOwner ? owner : Py_NewRef(owner);
  if (kHelper == &op_store_attr_cached) top[-2] = kOwnsValue ? value : Py_NewRef(value);
  port::set_instruction(frame, static_cast<int>(site->instruction));
  PyObject* result = kHelper(ts, top, reinterpret_cast<intptr_t>(at));
  if (kWay == Way::kSlow) count_slow(site, result);
  if (result == nullptr) [[unlikely]]
    thread_context().failed_site = site;
  return result;
}

template <OpHelper kHelper, Way kWay>
Helper* helper_by_way(bool owns_owner, bool owns_value) {
  if (owns_value) return owns_owner ? &at_site<kHelper, kWay, true, true> : &at_site<kHelper, kWay, false, true>;
  return owns_owner ? &at_site<kHelper, kWay, true, false> : &at_site<kHelper, kWay, false, false>;
}

template <OpHelper kHelper>
Helper* helper_at_site(Way way, bool owns_owner, bool owns_value) {
  return way == Way::kSlow ? helper_by_way<kHelper, Way::kSlow>(owns_owner, owns_value)
                           : helper_by_way<kHelper, Way::kByEntry>(owns_owner, owns_value);
}

struct Piece {
  AttrKind kind;
  Shadow shadow = Shadow::kNever;
  // Whether it serves entries of its kind with this shadow: only what is found on a type can be shadowed.
  bool serves(int other) const {
    const bool behind_instance =
        kind == AttrKind::kTypeValue || kind == AttrKind::kMethod || kind == AttrKind::kBinding;
    return !behind_instance || other == static_cast<int>(shadow);
  }
};

const char* kind_name(AttrKind kind) {
  switch (kind) {
    case AttrKind::kInlineValue: return "inline_value";
    case AttrKind::kSlot: return "slot";
    case AttrKind::kHintedDict: return "dict";
    case AttrKind::kModule: return "module";
    case AttrKind::kOfType: return "of_type";
    case AttrKind::kTypeValue: return "type_value";
    case AttrKind::kMethod: return "method";
    case AttrKind::kBinding: return "binding";
    case AttrKind::kOfTypeBinding: return "of_type_binding";
    case AttrKind::kProperty: return "property";
    case AttrKind::kDataDescriptor: return "data_descriptor";
    case AttrKind::kOfMeta: return "of_meta";
    case AttrKind::kGeneric: return "generic";
    default: return "?";
  }
}

constexpr Piece kLoads[] = {
    {AttrKind::kInlineValue},
    {AttrKind::kSlot},
    {AttrKind::kHintedDict},
    {AttrKind::kModule},
    {AttrKind::kOfType},
    {AttrKind::kOfTypeBinding},
    {AttrKind::kProperty},
    {AttrKind::kDataDescriptor},
    {AttrKind::kOfMeta},
    {AttrKind::kGeneric},
    {AttrKind::kTypeValue, Shadow::kNever},
    {AttrKind::kTypeValue, Shadow::kSharedKeys},
    {AttrKind::kTypeValue, Shadow::kNoDict},
    {AttrKind::kTypeValue, Shadow::kAsk},
    {AttrKind::kMethod, Shadow::kNever},
    {AttrKind::kMethod, Shadow::kSharedKeys},
    {AttrKind::kMethod, Shadow::kNoDict},
    {AttrKind::kMethod, Shadow::kAsk},
    {AttrKind::kBinding, Shadow::kNever},
    {AttrKind::kBinding, Shadow::kSharedKeys},
    {AttrKind::kBinding, Shadow::kNoDict},
    {AttrKind::kBinding, Shadow::kAsk},
};
constexpr Piece kStores[] = {
    {AttrKind::kInlineValue},
    {AttrKind::kSlot},
    {AttrKind::kHintedDict},
    {AttrKind::kDataDescriptor},
};

// The pieces for one kind of access, in one buffer. kT0, kT1, kArg3 and kRet are free in them.
class Maker {
 public:
  Maker(Masm& masm, AttrAccess access, bool owns_owner, bool owns_value)
      : masm_(masm), access_(access), owns_owner_(owns_owner), owns_value_(owns_value) {}

  bool make(AttrCode* made) {
    for (Ways& ways : shared_) {
      ways.code = static_cast<const uint8_t**>(code_heap->allocate_data(sizeof(const uint8_t*) * kWays));
      if (ways.code == nullptr) return false;
    }
    if (access_ == AttrAccess::kStore) {
      for (const Piece& piece : kStores) emit_piece(piece);
    } else {
      for (const Piece& piece : kLoads) emit_piece(piece);
    }
    emit_any();
    if (access_ != AttrAccess::kStore) emit_ask();
    emit_helper(by_entry_, Way::kByEntry);
    emit_helper(slow_, Way::kSlow);
    return install(made);
  }

 private:
  static constexpr int kWays = AttrCode::kKinds * AttrCode::kShadows;

  // Where to go with a shared entry in kArg3, by its kind and shadow: a table that machine code reads.
  struct Ways {
    const uint8_t** code = nullptr;
    std::vector<std::pair<Piece, Label>> labels;
  };

  bool install(AttrCode* made) {
    const CodeBuffer buffer = masm_.finish();
    const uint8_t* code = masm_.failed() ? nullptr : code_heap->install(buffer);
    if (code == nullptr) return false;
    const auto at = [&](Label label) { return code + masm_.offset_of(label); };
    constexpr const char* kNames[] = {"load_attr", "load_method", "store_attr"};
    const std::string name = std::string(kNames[static_cast<int>(access_)]) + (owns_owner_ ? ".owned" : "");
    const uint8_t* end = at(any_);
    add_shared_code(name + ".any", end, static_cast<size_t>(code + buffer.size - end));
    for (auto one = own_.rbegin(); one != own_.rend(); end = at(one->entrances[0]), ++one)
      add_shared_code(name + "." + kind_name(one->piece.kind), at(one->entrances[0]),
                      static_cast<size_t>(end - at(one->entrances[0])));
    made->any = at(any_);
    for (const Own& own : own_)
      for (int pinned = 0; pinned < 2; ++pinned)
        for (int shadow = 0; shadow < AttrCode::kShadows; ++shadow)
          if (own.piece.serves(shadow))
            made->by[pinned][static_cast<int>(own.piece.kind)][shadow] = at(own.entrances[pinned]);
    for (const Ways& ways : shared_) {
      std::fill_n(ways.code, kWays, at(slow_));
      for (const auto& [piece, label] : ways.labels)
        for (int shadow = 0; shadow < AttrCode::kShadows; ++shadow)
          if (piece.serves(shadow)) ways.code[static_cast<int>(piece.kind) * AttrCode::kShadows + shadow] = at(label);
    }
    return true;
  }

  // Three entrances: for the site's own entry, for one that depends on the type of its value, and for a shared one, in
  // kArg3, that is known to serve.
  void emit_piece(const Piece& piece) {
    kind_ = piece.kind;
    shadow_ = piece.shadow;
    const Label looking = masm_.new_label();
    const Label found = masm_.new_label();
    masm_.align(16);
    own_.push_back({piece, {masm_.new_label(), masm_.new_label()}});
    masm_.bind(own_.back().entrances[0]);
    guard_own();
    masm_.bind(looking);
    look(kOwn);
    masm_.bind(found);
    finish();
    masm_.bind(own_.back().entrances[1]);
    guard_own();
    guard_pin(kOwn);
    masm_.jump(looking);
    if (kind_ == AttrKind::kModule) return;  // of one module: not among the shared ones
    Ways& ways = shared_[owner_is_type(kind_) ? 1 : 0];
    ways.labels.emplace_back(piece, masm_.new_label());
    masm_.bind(ways.labels.back().second);
    // To look at the hint takes too many registers.
    if (kind_ == AttrKind::kHintedDict && access_ != AttrAccess::kStore) return masm_.jump(ask_);
    look(kShared);
    masm_.jump(found);
  }

  void guard_own() {
    load_version();
    masm_.cmp32(Reg::kT1, kOwn.at(offsetof(AttrEntry, version)));
    masm_.jump_if(Cond::kNotEqual, any_);
  }

  // What the type makes of its value is still so. Only kRet is lost.
  void guard_pin(const EntryRef& entry) {
    masm_.load(Reg::kRet, entry.at(offsetof(AttrEntry, value)));
    masm_.load(Reg::kRet, Mem::at(Reg::kRet, offset::kType));
    masm_.load32(Reg::kRet, Mem::at(Reg::kRet, offset::kTypeVersion));
    masm_.cmp32(Reg::kRet, entry.at(offsetof(AttrEntry, value_version)));
    masm_.jump_if(Cond::kNotEqual, slow_);
  }

  // Where to go on when a short look at the instance was not enough.
  Label ask(const EntryRef& entry) const { return entry.base == kOwn.base ? ask_own_ : ask_; }

  // What the kind needs of the entry. kT0 is the owner's type.
  void look(const EntryRef& entry) {
    if (by_helper()) return;
    if (access_ == AttrAccess::kStore)
      masm_.load32_signed(Reg::kT0, entry.at(offsetof(AttrEntry, offset)));
    else
      value(entry);
  }

  // Whether the helper does by the entry what the kind is about.
  bool by_helper() const {
    if (kind_ == AttrKind::kGeneric) return true;
    return access_ == AttrAccess::kStore && (kind_ == AttrKind::kHintedDict || kind_ == AttrKind::kDataDescriptor);
  }

  void finish() {
    if (by_helper()) return masm_.jump(by_entry_);
    switch (access_) {
      case AttrAccess::kLoad: return finish_load();
      case AttrAccess::kMethod: return finish_method();
      case AttrAccess::kStore: return finish_store();
    }
  }

  void finish_load() {
    if (kind_ == AttrKind::kProperty) return call_getter();
    if (kind_ == AttrKind::kDataDescriptor || kind_ == AttrKind::kOfMeta) return call_descriptor();
    if (kind_ == AttrKind::kMethod || kind_ == AttrKind::kBinding || kind_ == AttrKind::kOfTypeBinding) return bind();
    sequences::incref(masm_, Reg::kRet, Reg::kT0);
    release_owner_and_return();
  }

  void finish_method() {
    if (kind_ == AttrKind::kProperty) return call_getter();
    if (kind_ == AttrKind::kDataDescriptor || kind_ == AttrKind::kOfMeta) return call_descriptor();
    if (kind_ == AttrKind::kBinding || kind_ == AttrKind::kOfTypeBinding) return finish_class_method();
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
  }

  // Of a classmethod in kRet, a call needs its function and the type; of others, what they make.
  void finish_class_method() {
    const Label other = masm_.new_label();
    sequences::guard_type(masm_, Reg::kRet, &PyClassMethod_Type, Reg::kT0, other);
    masm_.load(Reg::kRet, Mem::at(Reg::kRet, offset::kWrappedCallable));
    masm_.test(Reg::kRet, Reg::kRet);
    masm_.jump_if(Cond::kEqual, slow_);
    sequences::incref(masm_, Reg::kRet, Reg::kT0);
    masm_.store(Mem::at(kHome), Reg::kRet);
    if (kind_ == AttrKind::kBinding) {
      masm_.load(Reg::kT1, Mem::at(kOwner, offset::kType));
      sequences::incref(masm_, Reg::kT1, Reg::kT0);
      masm_.store(Mem::at(kHome, kWord), Reg::kT1);
      release_owner_and_return();
    } else {
      if (!owns_owner_) sequences::incref(masm_, kOwner, Reg::kT0);
      masm_.store(Mem::at(kHome, kWord), kOwner);
      masm_.ret();
    }
    masm_.bind(other);
    bind();
  }

  // kT1 = the site, if code may be run there: locals that are borrowed below the operands are for the slow path.
  void site_of_call() {
    masm_.load(Reg::kT1, cache(offsetof(AttrCache, site)));
    masm_.cmp8(Mem::at(Reg::kT1, static_cast<int32_t>(offsetof(Site, borrows_below))), 0);
    masm_.jump_if(Cond::kNotEqual, slow_);
  }

  // The frame is at the site in kT1. kT0 and kArg3 are lost.
  void store_position() {
    masm_.load32(Reg::kT0, Mem::at(Reg::kT1, static_cast<int32_t>(offsetof(Site, instruction))));
    sequences::store_position(masm_, Reg::kT0, Reg::kArg3);
  }

  // kRet = function(...), a leaf of C++ that gets the owner second and the rest by `arguments`; 0: on to the slow path.
  template <typename Arguments>
  void ask_leaf(const void* function, Arguments arguments) {
    constexpr int kSaved = 32;
    const auto saved = [](int index) { return Mem::at(Reg::kNativeStack, index * kWord); };
    masm_.enter_thunk(kSaved);
    masm_.store(saved(0), kOwner);
    masm_.store(saved(1), kHome);
    masm_.store(saved(2), kCache);
    arguments();
    masm_.call_mem(near_constant(function));
    masm_.load(kOwner, saved(0));
    masm_.load(kHome, saved(1));
    masm_.load(kCache, saved(2));
    masm_.leave_thunk(kSaved);
    masm_.test(Reg::kRet, Reg::kRet);
    masm_.jump_if(Cond::kEqual, slow_);
  }

  // An attribute in kRet that a call takes as it is.
  void place_result() {
    if (access_ != AttrAccess::kMethod) return;
    masm_.store(Mem::at(kHome), Reg::kRet);
    masm_.store_imm(Mem::at(kHome, kWord), 0);
  }

  // C++ makes the attribute, by the descriptor in kRet; tracemalloc asks where.
  void bind() {
    masm_.load(Reg::kT1, cache(offsetof(AttrCache, site)));
    store_position();
    ask_leaf(address_of(owner_is_type(kind_) ? &bind_to_type : &bind_to_object),
             [&] { masm_.mov(Reg::kArg0, Reg::kRet); });
    place_result();
    release_owner_and_return();
  }

  // C++ asks the data descriptor in kRet, which may run code.
  void call_descriptor() {
    constexpr int kSaved = 16;
    const Mem saved_cache = Mem::at(Reg::kNativeStack);
    const Mem saved_home = Mem::at(Reg::kNativeStack, kWord);
    const Label failed = masm_.new_label();
    site_of_call();
    store_position();
    masm_.enter_thunk(kSaved);
    masm_.store(saved_cache, kCache);
    masm_.store(saved_home, kHome);
    masm_.mov(Reg::kArg2, Reg::kRet);
    masm_.mov(Reg::kArg3, kCache);
    masm_.mov(Reg::kArg0, Reg::kThread);
    masm_.call_mem(near_constant(address_of(descriptor_getter())));
    masm_.load(kCache, saved_cache);
    masm_.load(kHome, saved_home);
    masm_.leave_thunk(kSaved);
    masm_.test(Reg::kRet, Reg::kRet);
    masm_.skip_if(Cond::kEqual, failed);
    place_result();
    masm_.ret();
    masm_.bind(failed);
    masm_.load(Reg::kT1, cache(offsetof(AttrCache, site)));
    fail();
  }

  // The site in kT1 has failed.
  void fail() {
    masm_.store(Mem::at(Reg::kContext, static_cast<int32_t>(offsetof(ThreadContext, failed_site))), Reg::kT1);
    masm_.jump_code(thunks.slow_failed);
  }

  PyObject* (*descriptor_getter() const)(PyThreadState*, PyObject*, PyObject*, const AttrCache*) {
    if (access_ == AttrAccess::kLoad)
      return owns_owner_ ? &get_by_descriptor<AttrAccess::kLoad, true> : &get_by_descriptor<AttrAccess::kLoad, false>;
    return owns_owner_ ? &get_by_descriptor<AttrAccess::kMethod, true> : &get_by_descriptor<AttrAccess::kMethod, false>;
  }

  // The getter of the property in kRet is called with the owner, as CALL would if it has machine code; see
  // calls.h. 3.13 Python/bytecodes.c, LOAD_ATTR_PROPERTY.
  void call_getter() {
    constexpr int kLocals = 64;
    enum Local { kCallable, kSelf, kSite, kResultHome, kSavedS0, kSavedS1, kSavedS2 };
    const auto saved = [](Local index) { return Mem::at(Reg::kNativeStack, index * kWord); };
    const Label failed = masm_.new_label();
    masm_.load(Reg::kRet, Mem::at(Reg::kRet, offset::kPropertyGetter));
    masm_.test(Reg::kRet, Reg::kRet);
    masm_.jump_if(Cond::kEqual, by_entry_);
    sequences::guard_type(masm_, Reg::kRet, &PyFunction_Type, Reg::kT0, by_entry_);
    masm_.load(Reg::kT0, Mem::at(Reg::kRet, offset::kFunctionVectorcall));
    sequences::guard_machine_code(masm_, Reg::kT0, by_entry_);
    site_of_call();
    sequences::incref(masm_, Reg::kRet, Reg::kT0);
    if (!owns_owner_) sequences::incref(masm_, kOwner, Reg::kT0);
    store_position();
    masm_.enter_thunk(kLocals);
    masm_.store(saved(kCallable), Reg::kRet);
    masm_.store(saved(kSelf), kOwner);
    masm_.store(saved(kSite), Reg::kT1);
    if (access_ == AttrAccess::kMethod) masm_.store(saved(kResultHome), kHome);
    masm_.store(saved(kSavedS0), Reg::kS0);
    masm_.store(saved(kSavedS1), Reg::kS1);
    masm_.store(saved(kSavedS2), Reg::kS2);
    masm_.mov(Reg::kArg1, Reg::kRet);
    masm_.lea(Reg::kArg2, saved(kCallable));
    masm_.lea(Reg::kArg3, saved(kSelf));
    masm_.mov_imm(Reg::kT1, 1);
    masm_.load(Reg::kT2, Mem::at(Reg::kArg1, offset::kFunctionVectorcall));
    masm_.call_mem(take_behind(masm_, Reg::kT2));
    masm_.load(Reg::kS0, saved(kSavedS0));
    masm_.load(Reg::kS1, saved(kSavedS1));
    masm_.load(Reg::kS2, saved(kSavedS2));
    masm_.load(Reg::kT1, saved(kSite));
    if (access_ == AttrAccess::kMethod) masm_.load(kHome, saved(kResultHome));
    masm_.leave_thunk(kLocals);
    masm_.test(Reg::kRet, Reg::kRet);
    masm_.skip_if(Cond::kEqual, failed);
    place_result();
    masm_.ret();
    masm_.bind(failed);
    fail();
  }

  // kT0 = the attribute's offset in the owner.
  void finish_store() {
    const Label stored = masm_.new_label();
    const Label added = masm_.new_label();
    const Label old_dies = masm_.new_label();
    if (kind_ == AttrKind::kInlineValue) {  // the dictionary, if there is one, has to hear of it
      guard_inline_values(by_entry_);
      masm_.cmp(Mem::at(kOwner, offset::kManagedDict), 0);
      masm_.jump_if(Cond::kNotEqual, by_entry_);
    }
    if (!owns_value_) sequences::incref(masm_, kValue, Reg::kT1);
    masm_.add(Reg::kT0, kOwner);
    masm_.load(Reg::kT1, Mem::at(Reg::kT0));
    masm_.store(Mem::at(Reg::kT0), kValue);
    masm_.test(Reg::kT1, Reg::kT1);
    masm_.jump_if(Cond::kEqual, kind_ == AttrKind::kInlineValue ? added : stored);
    sequences::decref(masm_, Reg::kT1, old_dies);
    masm_.bind(stored);
    release_owner_and_return();
    masm_.bind(old_dies);
    go_to_die(owns_owner_ ? &die_and_release : &die_and_return, Reg::kT1, kOwner);
    if (kind_ != AttrKind::kInlineValue) return;
    masm_.bind(added);
    masm_.sub(Reg::kT0, kOwner);
    sequences::note_added_value(masm_, kOwner, Reg::kT0, Reg::kT1, Reg::kRet);
    masm_.jump(stored);
  }

  // kT1 = the version that descriptions of the owner are known by; kT0 = its type, or for a type its metatype.
  void load_version() {
    masm_.load(Reg::kT0, Mem::at(kOwner, offset::kType));
    if (!owner_is_type(kind_)) {
      masm_.load32(Reg::kT1, Mem::at(Reg::kT0, offset::kTypeVersion));
      return;
    }
    masm_.test32(Mem::at(Reg::kT0, offset::kTypeFlags), static_cast<int32_t>(Py_TPFLAGS_TYPE_SUBCLASS));
    masm_.jump_if(Cond::kEqual, any_);
    masm_.load32(Reg::kT1, Mem::at(kOwner, offset::kTypeVersion));
  }

  // By a shared entry. The first misses of a site are for the helper, which lets it have an entry of its own.
  void emit_any() {
    const Label type = masm_.new_label();
    masm_.align(16);
    masm_.bind(any_);
    masm_.cmp32(cache(offsetof(AttrCache, misses)), static_cast<int32_t>(kMaxAttrMisses));
    masm_.jump_if(Cond::kBelow, slow_);
    masm_.load(Reg::kT0, Mem::at(kOwner, offset::kType));
    masm_.test32(Mem::at(Reg::kT0, offset::kTypeFlags), static_cast<int32_t>(Py_TPFLAGS_TYPE_SUBCLASS));
    masm_.jump_if(Cond::kNotEqual, type);
    masm_.load32(Reg::kT1, Mem::at(Reg::kT0, offset::kTypeVersion));
    find_shared(false);
    masm_.bind(type);
    masm_.load32(Reg::kT1, Mem::at(kOwner, offset::kTypeVersion));
    find_shared(true);
  }

  // kArg3 = the shared entry for the version in kT1; on where its kind is at home. A type without a version finds
  // entries that nobody has filled, whose kind is none.
  void find_shared(bool of_type) {
    const Ways& ways = shared_[of_type ? 1 : 0];
    const Label second = masm_.new_label();
    const Label found = masm_.new_label();
    look_at_shared(of_type, 0, second);
    masm_.bind(found);
    masm_.cmp32(kShared.at(offsetof(AttrEntry, value_version)), 0);
    const Label unpinned = masm_.new_label();
    masm_.skip_if(Cond::kEqual, unpinned);
    guard_pin(kShared);
    masm_.bind(unpinned);
    masm_.load8(Reg::kRet, kShared.at(offsetof(AttrEntry, kind)));
    masm_.load8(Reg::kT1, kShared.at(offsetof(AttrEntry, shadow)));
    static_assert(AttrCode::kShadows == 4);
    masm_.lea(Reg::kT1, Mem::indexed(Reg::kT1, Reg::kRet, 4));
    masm_.mov_ptr(Reg::kRet, ways.code);
    masm_.jump_mem(Mem::indexed(Reg::kRet, Reg::kT1, 8));
    masm_.bind(second);
    look_at_shared(of_type, 1, slow_);
    masm_.jump(found);
  }

  // kArg3 = the first or second entry of the pair for the version in kT1, if it is about that and the site's name. kRet
  // is lost.
  void look_at_shared(bool of_type, int32_t number, Label otherwise) {
    masm_.load32(Reg::kArg3, cache(offsetof(AttrCache, id_hash)));
    masm_.add32(Reg::kArg3, Reg::kT1);
    if (of_type) masm_.add32(Reg::kArg3, kPairOfType);
    masm_.and_(Reg::kArg3, static_cast<int32_t>(kSharedPairs - 1));
    masm_.shl(Reg::kArg3, 1);
    static_assert(sizeof(AttrEntry) == 5 * 8);
    masm_.lea(Reg::kArg3, Mem::indexed(Reg::kArg3, Reg::kArg3, 4));
    masm_.mov_ptr(Reg::kRet, shared_entries);
    masm_.lea(Reg::kArg3, Mem::indexed(Reg::kRet, Reg::kArg3, 8, number * static_cast<int32_t>(sizeof(AttrEntry))));
    masm_.cmp32(Reg::kT1, kShared.at(offsetof(AttrEntry, version)));
    masm_.jump_if(Cond::kNotEqual, otherwise);
    masm_.load32(Reg::kRet, cache(offsetof(AttrCache, id)));
    if (of_type) masm_.add32(Reg::kRet, kOwnerIsType);
    masm_.cmp32(Reg::kRet, kShared.at(offsetof(AttrEntry, id)));
    masm_.jump_if(Cond::kNotEqual, otherwise);
  }

  // C++ looks at the instance, by the entry in kArg3.
  void emit_ask() {
    masm_.align(16);
    masm_.bind(ask_own_);
    masm_.lea(Reg::kArg3, kOwn.at(0));
    masm_.bind(ask_);
    ask_leaf(address_of(&own_or_of_type), [&] {
      masm_.load(Reg::kArg2, cache(offsetof(AttrCache, name)));
      masm_.mov(Reg::kArg0, Reg::kArg3);
    });
    const Label method = masm_.new_label();
    static_assert(kIsMethod == 1);
    masm_.test(Reg::kRet, static_cast<int32_t>(kIsMethod));
    masm_.jump_if(Cond::kNotEqual, method);
    kind_ = AttrKind::kTypeValue;
    finish();
    masm_.bind(method);
    masm_.sub(Reg::kRet, static_cast<int32_t>(kIsMethod));
    kind_ = AttrKind::kMethod;
    finish();
  }

  // The site's helper does it all, and returns to the site or goes to the handler. Where locals are borrowed below the
  // operands it is always the slow path.
  void emit_helper(Label begin, Way way) {
    const Label general = masm_.new_label();
    const Label failed = masm_.new_label();
    masm_.align(16);
    masm_.bind(begin);
    masm_.load(Reg::kT0, cache(offsetof(AttrCache, site)));
    masm_.cmp8(Mem::at(Reg::kT0, static_cast<int32_t>(offsetof(Site, borrows_below))), 0);
    masm_.jump_if(Cond::kNotEqual, general);
    masm_.enter_thunk();
    if (access_ == AttrAccess::kStore) masm_.mov(Reg::kArg4, kValue);
    masm_.mov(Reg::kArg2, kOwner);
    masm_.mov(Reg::kArg3, kCache);
    masm_.mov(Reg::kArg1, Reg::kFrame);
    masm_.mov(Reg::kArg0, Reg::kThread);
    masm_.call_mem(near_constant(address_of(helper(way))));
    masm_.leave_thunk();
    masm_.test(Reg::kRet, Reg::kRet);
    masm_.skip_if(Cond::kEqual, failed);
    masm_.ret();
    masm_.bind(failed);
    masm_.jump_code(thunks.slow_failed);
    masm_.bind(general);
    masm_.jump_code(thunks.slow);
  }

  Helper* helper(Way way) const {
    switch (access_) {
      case AttrAccess::kLoad: return helper_at_site<&op_load_attr_cached>(way, owns_owner_, false);
      case AttrAccess::kMethod: return helper_at_site<&op_load_method_cached>(way, owns_owner_, false);
      case AttrAccess::kStore: return helper_at_site<&op_store_attr_cached>(way, owns_owner_, owns_value_);
    }
    return nullptr;
  }

  // kRet = the attribute, borrowed.
  void value(const EntryRef& entry) {
    switch (kind_) {
      case AttrKind::kInlineValue: guard_inline_values(ask(entry)); [[fallthrough]];
      case AttrKind::kSlot:
        masm_.load32_signed(Reg::kT1, entry.at(offsetof(AttrEntry, offset)));
        masm_.load(Reg::kRet, Mem::indexed(kOwner, Reg::kT1, 1));
        break;
      case AttrKind::kHintedDict: hinted_value(entry); break;
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
      case AttrKind::kOfTypeBinding:
      case AttrKind::kOfMeta:
        masm_.load32(Reg::kT0, Mem::at(Reg::kT0, offset::kTypeVersion));
        masm_.cmp32(Reg::kT0, entry.at(offsetof(AttrEntry, keys)));
        masm_.jump_if(Cond::kNotEqual, slow_);
        masm_.load(Reg::kRet, entry.at(offsetof(AttrEntry, value)));
        return;
      case AttrKind::kProperty:
      case AttrKind::kDataDescriptor: masm_.load(Reg::kRet, entry.at(offsetof(AttrEntry, value))); return;
      default:
        if (shadow_ == Shadow::kAsk) return masm_.jump(ask(entry));
        guard_not_shadowed(entry);
        masm_.load(Reg::kRet, entry.at(offsetof(AttrEntry, value)));
        return;
    }
    masm_.test(Reg::kRet, Reg::kRet);
    masm_.jump_if(Cond::kEqual, kind_ == AttrKind::kSlot || kind_ == AttrKind::kModule ? slow_ : ask(entry));
  }

  void guard_inline_values(Label otherwise) {
    masm_.cmp8(Mem::at(kOwner, offset::kInlineValuesValid), 0);
    masm_.jump_if(Cond::kEqual, otherwise);
  }

  // The instance has no attribute of its own in front of the type's. kT0 holds its type and is lost.
  void guard_not_shadowed(const EntryRef& entry) {
    if (shadow_ == Shadow::kSharedKeys) {
      guard_inline_values(ask(entry));
      masm_.load(Reg::kT0, Mem::at(Reg::kT0, offset::kHeapTypeCachedKeys));
      masm_.load(Reg::kT0, Mem::at(Reg::kT0, offset::kDictKeysEntries));
      masm_.cmp32(Reg::kT0, entry.at(offsetof(AttrEntry, keys)));
      masm_.jump_if(Cond::kNotEqual, ask(entry));
    } else if (shadow_ == Shadow::kNoDict) {
      masm_.load32_signed(Reg::kT0, entry.at(offsetof(AttrEntry, dict_offset)));
      masm_.cmp(Mem::indexed(kOwner, Reg::kT0, 1), 0);
      masm_.jump_if(Cond::kNotEqual, ask(entry));
    }
  }

  // The value at the hinted entry of the instance's dictionary, which has to be for the site's name.
  void hinted_value(const EntryRef& entry) {
    masm_.load32_signed(Reg::kT0, entry.at(offsetof(AttrEntry, dict_offset)));
    masm_.load16(Reg::kT1, entry.at(offsetof(AttrEntry, hint)));
    masm_.load(Reg::kT0, Mem::indexed(kOwner, Reg::kT0, 1));
    masm_.test(Reg::kT0, Reg::kT0);
    masm_.jump_if(Cond::kEqual, ask(entry));
    masm_.load(Reg::kT0, Mem::at(Reg::kT0, offset::kDictKeys));
    masm_.cmp8(Mem::at(Reg::kT0, offset::kDictKeysKind), DICT_KEYS_UNICODE);
    masm_.jump_if(Cond::kNotEqual, ask(entry));
    masm_.cmp(Reg::kT1, Mem::at(Reg::kT0, offset::kDictKeysEntries));
    masm_.jump_if(Cond::kAboveEqual, ask(entry));
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
    masm_.jump_if(Cond::kNotEqual, ask(entry));
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

  Masm& masm_;
  const AttrAccess access_;
  const bool owns_owner_;
  const bool owns_value_;
  AttrKind kind_ = AttrKind::kNone;  // of the piece that is being made
  Shadow shadow_ = Shadow::kNever;
  Label any_ = masm_.new_label();
  Label slow_ = masm_.new_label();
  Label by_entry_ = masm_.new_label();  // the helper, where that is what the entry asks for
  Label ask_own_ = masm_.new_label();
  Label ask_ = masm_.new_label();
  struct Own {
    Piece piece;
    Label entrances[2];
  };
  std::vector<Own> own_;
  Ways shared_[2];  // for instances; for types
};

}  // namespace

const AttrCode* attr_code(AttrAccess access, bool owns_owner, bool owns_value) {
  // Never destroyed: machine code outlives static objects.
  static const AttrCode* made[3][2][2];
  const AttrCode*& code = made[static_cast<int>(access)][owns_owner ? 1 : 0][owns_value ? 1 : 0];
  if (code != nullptr) return code;
  const std::unique_ptr<Masm> masm = make_masm(kHostCpu, code_heap->near_range());
  auto fresh = std::make_unique<AttrCode>();
  if (masm && Maker(*masm, access, owns_owner, owns_value).make(fresh.get())) code = fresh.release();
  return code;
}

}  // namespace whipsnake
