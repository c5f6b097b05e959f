//! Words that make the letters of a place something else: somebody, a firm, a street, a dish. Phrases in small letters,
//! parted by semicolons.

/// Right before a name: whoever is called so is a person.
pub(super) const PERSONS: &str = "\
    ông; bà; anh; chị; em; cô; chú; bác; cậu; dì; thím; mợ; cụ; bé; cháu; thầy; cô giáo; thầy giáo; đồng chí; đ/c; \
    bạn; nhạc sĩ; ca sĩ; nghệ sĩ; nghệ nhân; họa sĩ; nhà thơ; nhà văn; nhà báo; diễn viên; đạo diễn; cầu thủ; tiền \
    đạo; thủ môn; tiền vệ; trung vệ; huấn luyện viên; hlv; vận động viên; vđv; võ sĩ; bác sĩ; dược sĩ; kỹ sư; luật sư; \
    tiến sĩ; thạc sĩ; giáo sư; pgs; ts; gs; ths; nsnd; nsưt; chủ tịch; phó chủ tịch; bí thư; phó bí thư; giám đốc; phó \
    giám đốc; trưởng phòng; hiệu trưởng; tổng giám đốc; liệt sĩ; anh hùng; chiến sĩ; đại tá; thượng tá; trung tá; \
    thiếu tá; đại úy; thượng úy; trung úy; thiếu úy; thiếu tướng; trung tướng; thượng tướng; đại tướng; mẹ; bố; cha; \
    con; vợ; chồng; con gái; con trai; tên; tên là; mc; phóng viên; pv; tác giả; biên tập viên; người mẫu; hoa hậu; á \
    hậu; bị can; bị cáo; đối tượng; vua; chúa; tướng; công chúa; thánh; đức; thiền sư; hòa thượng; thượng tọa; đại \
    đức; linh mục; ca nương; danh nhân; danh tướng; thủ tướng; tổng bí thư; chủ tịch nước; gia đình; nhà";

/// Right before a name, with a capital: the name of a person goes on (the commonest surnames, and those of the peoples
/// of the north and the highlands).
pub(super) const SURNAMES: &str = "\
    nguyễn; trần; lê; phạm; hoàng; huỳnh; phan; vũ; võ; đặng; bùi; đỗ; hồ; ngô; dương; lý; đinh; đoàn; lâm; trịnh; \
    đào; mai; trương; cao; lương; phùng; hà; tạ; tô; chu; châu; thái; tống; triệu; vương; la; quách; kiều; khổng; hán; \
    cù; doãn; giang; lưu; lại; mạc; ma; nông; bế; hứa; lò; quàng; cà; tòng; lường; vì; giàng; vàng; sùng; thào; hạng; \
    mùa; cầm; hờ; đồng; bạch; tăng; thân; trưng; từ; ông; nghiêm; âu; diệp; đàm; đan; đậu; điêu; kim; kha; khuất; \
    khương; lục; lã; lữ; mẫn; ngụy; nhữ; ninh; phí; phương; quản; thạch; thiều; tiêu; ung; văn; viên; xa; sa; siu; \
    ksor; rmah; rơ; kpă; nay; niê; h; y; k; tôn; bàn; đèo; lù; tráng; tẩn; chảo; lèng; thượng; hầu; hoa; cấn; thiệu; \
    mã; đới; cung; chử; chúc; bành; vi; thang; viêm; ngọ; nùng; lầu; cư; và; vừ; ly; phàn; lo; sìn; pờ";

/// What only people do.
pub(super) const SPEECH: &str = "\
    nói; kể; cho biết; chia sẻ; tâm sự; bộc bạch; cười; tâm niệm; bày tỏ; trả lời; nhớ lại; giãi bày; thổ lộ; cho hay; \
    khẳng định; sinh năm";

/// What an organisation, a paper or a brand is called by.
pub(super) const ORGANISATIONS: &str = "\
    công ty; cty; đội; tổng công ty; tập đoàn; doanh nghiệp tư nhân; xí nghiệp; nhà máy; ngân hàng; agribank; \
    vietinbank; vietcombank; bidv; bảo việt; viettel; vnpt; mobifone; điện lực; pc; evn; hợp tác xã; htx; tổ hợp tác; \
    báo; đài; tạp chí; nxb; nhà xuất bản; liên đoàn; hiệp hội; trường; đại học; học viện; cao đẳng; thpt; thcs; tiểu \
    học; mầm non; trung tâm thương mại; đoàn nghệ thuật; nhà hát; xổ số; vks; hội đồng hương; nhà in; bảo hiểm; hội \
    nhạc sĩ; nhà máy in";

/// Streets and lines.
pub(super) const STREETS: &str = "\
    đường; phố; ngõ; ngách; hẻm; đại lộ; quốc lộ; tỉnh lộ; cao tốc; đường cao tốc; đường sắt; tuyến; tuyến đường; vành \
    đai; tuyến phố; đường phố; ngã tư; vòng xuyến; quảng trường; công viên; dốc";

/// Parts of a commune.
pub(super) const VILLAGES: &str = "\
    thôn; bản; khu; xóm; tổ; khóm; ấp; làng; buôn; sóc; plei; khu dân cư; khu phố; tổ dân phố; tdp; phum; xứ; trại; \
    đội sản xuất; làng nghề; làng cổ; làng văn hóa";

/// Waters, mountains, and what is built and named after its place.
pub(super) const LANDMARKS: &str = "\
    sông; suối; hồ; núi; đèo; đồi; thác; đảo; đầm; vịnh; biển; rừng; hang; cửa khẩu; cửa biển; bãi biển; quần đảo; bán \
    đảo; cầu; ga; chợ; cảng; bến; bến xe; bến phà; phà; đập; thủy điện; nhiệt điện; nhà máy thủy điện; đình; đền; \
    chùa; miếu; lăng; nhà thờ; giáo xứ; giáo phận; sân bay; sân vận động; svđ; sân; bệnh viện; bvđk; khu công nghiệp; \
    kcn; cụm công nghiệp; ccn; khu di tích; khu du lịch; kdl; bảo tàng; tượng đài; di tích; nghĩa trang; trạm; trạm \
    bơm; kênh; ngòi; cao nguyên; thành cổ; nhà tù; vườn quốc gia; khu bảo tồn; khu kinh tế; tháp; cột cờ; nhà văn hóa; \
    rạp; đồn biên phòng; dãy; dãy núi; dòng sông; nhà thi đấu; nhà máy nước; trạm biến áp; lòng hồ; vùng hồ; ao; kè; \
    đê; cù lao; bãi; khe; mỏ; cánh đồng; bến đò; bến cảng; hầm; cống; hang động; mũi; tổ hợp; thành nhà; khu đô thị; \
    khu tưởng niệm";

/// What is named after where it is from.
pub(super) const PRODUCTS: &str = "\
    chè; bưởi; bia; rượu; phở; bún; cá; gà; lợn; bò; cam; vải; nhãn; mì; miến; bánh; kẹo; trà; thịt; nem; giò; nước \
    mắm; xoài; thanh long; quýt; hồng; chuối; dứa; gạo; sầu riêng; cốm; lụa; gốm; nón; cà phê; hồ tiêu; bánh chưng; \
    bánh cuốn; mận; táo; nho; tỏi; mật ong; vịt; dê; sâm; quế; mắm; cơm; xôi; cháo; đặc sản; chả; chả mực; khoai; sắn; \
    ổi; mít; dưa; thuốc lào; hủ tiếu; bánh mì; bánh canh; bánh đa; bánh tráng; áo dài; sữa; su su; mèn mén; thắng cố; \
    rau; nếp; nước khoáng; bún chả; bún bò; chè xanh; bánh tẻ; bánh gai; kẹo lạc; rượu cần; cá lăng; cá lồng; đậu phụ; \
    cơm lam; thịt chua; thịt trâu; măng; hạt điều; hạt dẻ; vịt cỏ; mật mía; rượu nếp; cá bống; gốm sứ; thổ cẩm; nước \
    dừa; dừa; kẹo dừa; gỏi cá; gỏi; hoa đào; chiếu cói; tranh dân gian; tương nếp; tương bần; lúa nếp";

/// Events, prizes, campaigns and what else bears a name.
pub(super) const EVENTS: &str = "\
    chiến khu; căn cứ địa; an toàn khu; chiến dịch; chiến thắng; trận; hiệp định; khởi nghĩa; giải; cúp; cuộc thi; \
    festival; lễ hội; phong trào; cuộc vận động; hiệp ước; hòa ước; vụ án; bài hát; ca khúc; phim; bộ phim; vở; vở \
    diễn; tập thơ; tác phẩm; bài thơ; triển lãm; bão; cơn bão; tượng; kỳ quan; huân chương; danh hiệu; thế giới; nhân \
    loại; khát vọng; nền; thanh kiếm; đề án; tư tưởng; đạo đức; phong cách; lăng bác; đường mòn; chủ nghĩa; giải \
    thưởng; quỹ học bổng; học bổng; thời đại; thanh niên cộng sản; tncs; tnxp; thiếu niên tiền phong; dòng họ; họ; \
    giống; nền văn hóa";

/// The same of what has short names.
pub(super) const BRANDS: &str = "\
    quán; tiệm; shop; gara; hãng; hãng xe; tàu; nhóm; ban nhạc; trang; website; dự án; chương trình; xe buýt; taxi; \
    quỹ; siêu thị; khách sạn; nhà hàng; cửa hàng; thương hiệu; nhãn hiệu; tòa nhà; chung cư; nhà xe; xe khách; resort; \
    khu nghỉ dưỡng; thẩm mỹ viện; phòng khám; nhà thuốc; bộ môn";
